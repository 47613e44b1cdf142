"""The code of the child process: the bindings of librados and librbd, and nothing else of cgflow.

librbd aborts its process when one of its assertions fails, and its bindings are built only for the
interpreter of the distribution. They are therefore kept out of the service. That interpreter runs this
package, which reads calls from standard input and writes answers to standard output, in lines of JSON. The
package needs only the standard library and the two bindings.
"""
