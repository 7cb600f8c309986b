"""The conditions under which the server answers: what goes wrong, how long things take, how much anybody may ask.

All of it is settings (:mod:`.model`), can be replaced while the server runs (:mod:`.control`), and is carried out
around each request (:mod:`.pressure`). Without settings nothing of it happens.
"""
