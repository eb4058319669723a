from django.urls import path

from oee import views

urlpatterns = [path("stops/<uuid:stop>/reason/", views.code, name="code-stop")]
