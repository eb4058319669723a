from django.urls import path

from andon import load_views, shelf_views
from andon.views import call, manage, sheet

urlpatterns = [
    path("lines/<str:code>/call/", sheet.raise_, name="raise-call"),
    path("andon/manage/", manage.manage, name="andon-manage"),
    path("andon/calls/<uuid:pk>/", call.call, name="call"),
    path("andon/calls/<uuid:pk>/details/", sheet.details, name="call-details"),
    path("andon/calls/<uuid:pk>/cancel/", sheet.cancel, name="cancel-call"),
    path("andon/calls/<uuid:pk>/acknowledge/", call.acknowledge, name="acknowledge-call"),
    path("andon/calls/<uuid:pk>/transfer/", call.transfer, name="transfer-call"),
    path("andon/calls/<uuid:pk>/arrive/", call.arrive, name="arrive-call"),
    path("andon/calls/<uuid:pk>/resolve/", call.resolve, name="resolve-call"),
    path("andon/calls/<uuid:pk>/reject/", call.reject, name="reject-call"),
    path("andon/calls/<uuid:pk>/reopen/", call.reopen, name="reopen-call"),
    path("andon/calls/<uuid:pk>/escalate/", call.escalate, name="escalate-call"),
    path("andon/calls/<uuid:pk>/note/", call.note, name="note-call"),
    path("andon/calls/<uuid:pk>/photo/", call.photo, name="photo-call"),
    path("andon/calls/<uuid:pk>/photos/<int:event>/", call.photo_file, name="call-photo"),
    path("andon/shelves/", shelf_views.shelves, name="shelves"),
    path("andon/shelves/shelve/", shelf_views.shelve, name="shelve"),
    path("andon/shelves/<uuid:pk>/unshelve/", shelf_views.unshelve, name="unshelve"),
    path("andon/load/", load_views.load, name="andon-load"),
]
