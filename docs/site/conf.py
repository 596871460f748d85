"""How Sphinx makes the site from the pages that `pages.py` has laid out. Nothing is run, nothing comes from another host."""

import os

project = "Variational autoencoders in Rust"
language = "en"
extensions = ["myst_nb", "sphinx-mathjax-offline"]  # the name of that module does have hyphens

# The committed outputs are the book.
nb_execution_mode = "off"
nb_render_error_lexer = "myst-ansi"
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
# What is written is what is shown: `--objective` keeps its hyphens.
smartquotes = False
nitpicky = True

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["static"]
html_css_files = ["course.css"]
# Sources of the pages are the repository's, without the changes that `pages.py` makes.
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "home_page_in_toc": False,
    "navbar_persistent": [],  # the menu has a search field, a second one above it would be too many
    "navigation_with_keys": True,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
}

# Where the repository is hosted, for a button that leads there and one that opens a page in Binder.
if repository := os.environ.get("SITE_REPOSITORY"):
    html_theme_options |= {
        "repository_url": repository,
        "repository_branch": os.environ.get("SITE_BRANCH", "main"),
        "use_repository_button": True,
        "use_issues_button": True,
        "launch_buttons": {"binderhub_url": "https://mybinder.org", "notebook_interface": "jupyterlab"},
    }
