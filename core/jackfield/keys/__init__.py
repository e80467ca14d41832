"""Who asks: keys, what each may do, and how much of it.

`hashing` makes keys and their hashes, `entries` is what a configuration says of one; `bucket` counts by the clock that
is passed in, `caller` is a key that is in use, with what it has used up, and `ring` holds all of them and finds the one
that a request shows. Nothing here knows HTTP: `jackfield.web.guard` asks in the way of a request.
"""
