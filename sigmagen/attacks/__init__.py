"""Published extraction attacks, really run against small models that are trained here.

Each attack asks a victim through the interface that an API would offer, and builds a surrogate from the answers. What
it asked becomes the calls of a simulated log; how well the surrogate agrees with the victim after each number of
queries says how much of the model is lost by the time a rule alerts. Needs the extra `simulate` (NumPy and
scikit-learn).
"""
