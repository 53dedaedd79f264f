"""Addresses of safeguarded access: for people who sign in, referees who come by a link, and access officers."""

from __future__ import annotations

from django.urls import path

from releases.catalogue.views.access import account, applying, officer, own_record, own_second_step, referee, session

urlpatterns = [
    path("account/", account.your_access, name="your-access"),
    path("account/register/", session.register, name="register-account"),
    path("account/confirm/<str:link>/", session.confirm_address, name="confirm-address"),
    path("account/sign-in/", session.sign_in, name="sign-in"),
    path("account/second-step/", session.second_step, name="second-step"),
    path("account/app/", session.add_app, name="add-app"),
    path("account/second-step/set-up/", own_second_step.set_up_app, name="set-up-app"),
    path("account/second-step/codes/", own_second_step.recovery_codes, name="recovery-codes"),
    path("account/second-step/remove/", own_second_step.remove_app, name="remove-app"),
    path("account/sign-out/", session.sign_out, name="sign-out"),
    path("account/forgotten/", session.forgotten, name="forgotten"),
    path("account/password/<str:link>/", session.choose_password, name="choose-password"),
    path("account/record/", own_record.own_record, name="own-record"),
    path("account/record.json", own_record.own_record_file, name="record-json"),
    path("account/details/", account.details, name="details"),
    path("account/training/", account.give_training, name="training"),
    path("account/training/<uuid:key>/certificate.pdf", account.training_file, name="training-file"),
    path("account/tokens/new/", account.new_token, name="new-token"),
    path("account/tokens/<uuid:key>/revoke/", account.revoke_token, name="revoke-token"),
    path("account/grants/<uuid:key>/note/", account.use_note, name="use-note"),
    path("account/grants/<uuid:key>/end/", account.leave, name="leave"),
    path("account/deletions/<uuid:key>/", account.delete, name="confirm-deletion"),
    path("access/", applying.explained, name="access"),
    path("access/licence/<str:version>/", applying.licence_page, name="licence"),
    path("access/apply/<slug:slug>/", applying.apply, name="apply"),
    path("access/applications/<uuid:key>/", applying.application, name="application"),
    path("access/applications/<uuid:key>/purpose/", applying.purpose, name="purpose"),
    path("access/applications/<uuid:key>/referee/", applying.referee, name="referee-named"),
    path("access/applications/<uuid:key>/sign/", applying.sign, name="sign"),
    path("access/applications/<uuid:key>/call-back/", applying.call_back, name="call-back"),
    path("access/applications/<uuid:key>/cancel/", applying.cancel, name="cancel-application"),
    path("access/referee/<str:link>/", referee.referee, name="referee"),
    path("access/referee/<str:link>/decline/", referee.decline, name="decline"),
    path("access/deletion/<str:link>/", account.delete_by_link, name="deletion"),
    path("officer/", officer.queue, name="officer"),
    path("officer/applications/<uuid:key>/", officer.application, name="officer-application"),
    path("officer/applications/<uuid:key>/decide/", officer.decide, name="decide"),
    path("officer/training/<uuid:key>/", officer.look_at_training, name="officer-training"),
    path("officer/grants/", officer.all_grants, name="officer-grants"),
    path("officer/grants/<uuid:key>/end/", officer.end_grant, name="end-grant"),
    path("officer/holders/", officer.holders, name="officer-holders"),
    path("officer/downloads/", officer.downloads, name="officer-downloads"),
]
