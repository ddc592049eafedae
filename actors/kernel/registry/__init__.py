"""Who is where: processes under keys, gone from there the moment they end."""
