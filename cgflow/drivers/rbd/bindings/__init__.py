"""What runs in the child process: the bindings of librados and librbd, and nothing else of cgflow.

librbd ends the process it is in when one of its assertions fails, and its
bindings are built for the interpreter of the distribution only. So they are
kept out of the service: this package is run by that interpreter, asked over
its standard input and answers on its standard output, one line of JSON each.
It needs nothing but the standard library and the two bindings.
"""
