"""Runs files in the runtimes of real devices, and writes what a device needs beside a file."""
