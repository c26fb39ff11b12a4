"""What Sphinx is told; `docsite.build` calls it."""

import prune_env

project = "prune_env"
author = "the prune_env project"
release = prune_env.__version__
extensions = ["myst_nb", "docsite.mathematics"]
html_math_renderer = "drawn"
myst_enable_extensions = ["dollarmath", "attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True

smartquotes = False  # of `--algo` it would make a dash

html_theme = "furo"
html_title = "prune_env"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_show_search_summary = False  # it would be fetched, which no browser does from a file
html_theme_options = {"footer_icons": [], "top_of_page_buttons": []}
pygments_style = "friendly"
pygments_dark_style = "monokai"
