from django.urls import path

from plc import views

urlpatterns = [
    path("controllers/", views.controllers, name="controllers"),
    path("controllers/live/", views.controllers_live, name="controllers-live"),
    path("controllers/<str:code>/", views.controller, name="controller"),
    path("controllers/<str:code>/live/", views.controller_live, name="controller-live"),
    path("controllers/<str:code>/test/", views.test_connection, name="controller-test"),
    path("controllers/<str:code>/browse/", views.browse_tags, name="controller-browse"),
]
