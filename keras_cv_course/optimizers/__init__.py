"""Keras optimizers and schedules for what Keras lacks, all serializable."""
