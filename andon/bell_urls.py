from django.urls import path

from andon import bell_views as views

urlpatterns = [
    path("bell/", views.bell, name="bell"),
    path("bell/read/", views.read, name="read-bell"),
    path("bell/ways/", views.choose, name="choose-ways"),
    path("bell/<uuid:pk>/open/", views.open_message, name="open-message"),
    path("bell/undelivered/", views.undelivered, name="undelivered"),
    path("bell/undelivered/<uuid:pk>/again/", views.again, name="try-message-again"),
    path("bell/undelivered/<uuid:pk>/give-up/", views.stop_trying, name="give-up-message"),
]
