"""The front: one nginx by which all traffic enters, with a configuration that never changes while it runs.

settings   what the command line says
config     share/front/nginx.conf.j2 filled in
nginx      the nginx of this machine and its Lua module
"""
