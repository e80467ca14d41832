"""The default plugins: one file or folder a plugin, each as easy to take out as a foreign one."""
