"""The addresses of people and of one's own profile; signing in is allauth's, under `accounts/`."""

from django.urls import path

from serpent_infra.accounts import views

urlpatterns = [
    path("users/", views.user_list, name="users"),
    path("users/<str:username>/", views.user_detail, name="user"),
    path("profile/", views.profile, name="profile"),
    path("profile/tokens/<int:pk>/revoke/", views.token_revoke, name="token-revoke"),
]
