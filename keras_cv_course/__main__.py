"""`python -m keras_cv_course`: the same as the `keras-cv-course` command."""

from keras_cv_course.cli.main import run

if __name__ == "__main__":
    run()
