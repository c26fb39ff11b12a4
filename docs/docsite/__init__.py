"""The documentation site: pages generated from the code and the results, and their check.

`python -m docsite`, here in docs/, builds it; `make docs` installs what that needs first.
"""
