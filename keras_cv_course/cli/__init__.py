"""The command line `keras-cv-course`: parses, looks up, calls, prints."""
