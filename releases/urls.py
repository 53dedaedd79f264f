"""Every address of the secure site. Each has an entry in the permission matrix (`tests/secure/test_permission_matrix.py`)."""

from django.urls import path

from releases.views import (
    accounts,
    audit,
    comparison,
    drills,
    evidence,
    home,
    ledger,
    reaudits,
    requests,
    reviews,
    runs,
    schemas,
    session,
    sources,
    summaries,
    trained,
)

urlpatterns = [
    path("", home.home, name="home"),
    path("sign-in/", session.sign_in, name="sign-in"),
    path("sign-out/", session.sign_out, name="sign-out"),
    path("password/", session.password, name="password"),
    # Sources: what do we hold?
    path("sources/", sources.source_list, name="sources"),
    path("sources/new/", sources.register, name="register-source"),
    path("sources/<uuid:key>/", sources.source, name="source"),
    path("sources/<uuid:key>/data/", sources.data, name="source-data"),
    path("sources/<uuid:key>/stewards/", sources.stewards, name="source-stewards"),
    path("snapshots/<uuid:key>/schema/", schemas.schema, name="schema"),
    # Summaries: what exactly would leave?
    path("sources/<uuid:key>/summaries/new/", summaries.new, name="new-summary"),
    path("summaries/<uuid:key>/", summaries.summary, name="summary"),
    path("summaries/<uuid:key>/download/", summaries.download, name="download-summary"),
    # The disclosure ledger: what has been told, and what may still be?
    path("ledgers/", ledger.ledgers, name="ledgers"),
    path("sources/<uuid:key>/ledger/", ledger.ledger, name="ledger"),
    path("sources/<uuid:key>/ledger/budget/", ledger.propose, name="propose-budget"),
    path("sources/<uuid:key>/ledger/budget/set/", ledger.set_budget, name="set-budget"),
    # Requests: the task list.
    path("requests/", requests.request_list, name="requests"),
    path("sources/<uuid:key>/requests/new/", requests.new, name="new-request"),
    path("requests/<uuid:key>/", requests.request_page, name="request"),
    path("requests/<uuid:key>/purpose/", requests.purpose, name="purpose"),
    path("requests/<uuid:key>/variables/", requests.variables, name="variables"),
    path("requests/<uuid:key>/targets/", requests.targets, name="targets"),
    path("requests/<uuid:key>/gates/", requests.gates, name="gates"),
    path("requests/<uuid:key>/compare/", comparison.compare, name="compare"),
    path("requests/<uuid:key>/generate/", requests.generate, name="generate"),
    path("requests/<uuid:key>/submit/", requests.submit, name="submit"),
    path("requests/<uuid:key>/cancel/", requests.cancel, name="cancel-request"),
    path("requests/<uuid:key>/revise/", requests.revise, name="revise"),
    # Evidence and review: may this be released?
    path("versions/<uuid:key>/", evidence.version, name="version"),
    path("versions/<uuid:key>/choose/", evidence.choose, name="choose-version"),
    path("requests/<uuid:key>/review/", reviews.review, name="review"),
    path("requests/<uuid:key>/review/confirm/", reviews.confirm, name="confirm-review"),
    # Models learned from records: what is kept, and until when?
    path("models/<uuid:key>/", trained.model, name="trained-model"),
    path("models/<uuid:key>/destroy/", trained.destroy, name="destroy-model"),
    # Releases: do they still hold?
    path("releases/", reaudits.release_list, name="releases"),
    path("releases/<uuid:key>/", reaudits.release, name="release"),
    path("releases/<uuid:key>/reaudit/", reaudits.reaudit, name="reaudit"),
    path("releases/<uuid:key>/suspend/", reaudits.suspend, name="suspend"),
    path("releases/<uuid:key>/resume/", reaudits.resume, name="resume"),
    path("policy-check/", reaudits.policy_check, name="policy-check"),
    path("policy-check/export.csv", reaudits.export, name="export-policy-check"),
    # Drills: would we notice?
    path("drills/", drills.drill_list, name="drills"),
    path("drills/new/", drills.new, name="new-drill"),
    path("drills/<uuid:key>/", drills.drill, name="drill"),
    path("drills/<uuid:key>/end/", drills.end, name="end-drill"),
    # Runs: is it working?
    path("runs/<uuid:key>/", runs.run, name="run"),
    path("runs/<uuid:key>/progress/", runs.progress, name="run-progress"),
    path("runs/<uuid:key>/cancel/", runs.cancel, name="cancel-run"),
    path("runs/<uuid:key>/retry/", runs.retry, name="retry-run"),
    # The audit trail and the accounts.
    path("audit/", audit.trail, name="audit"),
    path("audit/verify/", audit.verify, name="verify-audit"),
    path("audit/export.csv", audit.export, name="export-audit"),
    path("accounts/", accounts.account_list, name="accounts"),
    path("accounts/new/", accounts.new, name="new-account"),
    path("accounts/<uuid:key>/", accounts.account, name="account"),
    path("accounts/<uuid:key>/roles/", accounts.roles, name="account-roles"),
]
