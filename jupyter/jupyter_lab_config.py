"""How the course starts JupyterLab: jupyter lab --config=jupyter/jupyter_lab_config.py, from any folder."""

from pathlib import Path

HERE = Path(__file__).resolve().parent
c = get_config()  # noqa: F821 - Jupyter puts the name there

c.ServerApp.ip = "localhost"  # this machine only, with Jupyter's usual token
c.ServerApp.allow_root = True  # in a container there may be no other user
c.ServerApp.root_dir = str(HERE.parent)  # all three folders of notebooks are in sight
c.LabApp.default_url = "/lab/tree/notebooks/00_start.ipynb"
c.LabApp.app_settings_dir = str(HERE / "settings")  # the first start asks nothing: no news, no updates, no build
