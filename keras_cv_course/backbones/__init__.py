"""Builders of classification networks, whose feature maps other models build on."""
