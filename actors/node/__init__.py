"""Node: another process of this program, serving the same sockets, as a child of this one."""
