// The theme's own file of this name (1.5 MB) lets a site add icons. This one adds none: the theme's fonts have the rest.
