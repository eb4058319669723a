from django.contrib import admin

from reports.models import Report


@admin.register(Report)
class ReportAdmin(admin.ModelAdmin):
    list_display = ("line", "work_date", "shift", "revision", "status", "asked_at", "finished_at", "error")
    list_filter = ("status", "line")
    exclude = ("pdf",)
