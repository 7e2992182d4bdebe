"""The panel: Flask-AppBuilder views, thin."""
