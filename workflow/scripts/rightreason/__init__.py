"""rightreason: does an imaging classifier look where the experts look?"""

__version__ = "0.1.0"
