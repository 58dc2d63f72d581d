"""rightreason: does an imaging classifier look where the experts look?"""
