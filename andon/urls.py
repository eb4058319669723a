from django.urls import path

from andon import load_views, shelf_views, views

urlpatterns = [
    path("lines/<str:code>/call/", views.raise_, name="raise-call"),
    path("andon/", views.board, name="andon-board"),
    path("andon/calls/<uuid:pk>/", views.call, name="call"),
    path("andon/calls/<uuid:pk>/acknowledge/", views.acknowledge, name="acknowledge-call"),
    path("andon/calls/<uuid:pk>/arrive/", views.arrive, name="arrive-call"),
    path("andon/calls/<uuid:pk>/resolve/", views.resolve, name="resolve-call"),
    path("andon/calls/<uuid:pk>/cancel/", views.cancel, name="cancel-call"),
    path("andon/shelves/", shelf_views.shelves, name="shelves"),
    path("andon/shelves/shelve/", shelf_views.shelve, name="shelve"),
    path("andon/shelves/<uuid:pk>/unshelve/", shelf_views.unshelve, name="unshelve"),
    path("andon/load/", load_views.load, name="andon-load"),
]
