import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from api.auth.identity import validated_id
from api.auth.noauth import NoAuth
from cgflow.errors import InvalidInput, Unauthenticated


def request(**headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(EnvironBuilder(headers=named).get_environ())


@pytest.mark.parametrize(
    ("headers", "in_url", "expected"),
    [
        ({"X_Auth_Token": ":"}, None, ("admin", "admin")),
        ({"X_Auth_Token": ":"}, "p", ("admin", "p")),
        ({"X_Auth_Token": "u:p"}, None, ("u", "p")),
        ({"X_Auth_Token": "u:p"}, "p", ("u", "p")),
        ({"X_Auth_Token": "u"}, "p", ("u", "p")),
        ({"X_Auth_Token": "u:"}, None, ("u", "admin")),
        ({"X_Auth_Token": "u:p:q"}, None, ("u", "p:q")),
        ({"X_Auth_Token": "u:p", "X_User_Id": "v", "X_Project_Id": "q"}, None, ("u", "p")),
        ({"X_Auth_Token": ":", "X_User_Id": "v", "X_Project_Id": "q"}, "q", ("v", "q")),
    ],
)
def test_the_token_comes_first_then_the_headers_then_the_address(
    headers: dict[str, str], in_url: str | None, expected: tuple[str, str]
) -> None:
    known = NoAuth().identify(request(**headers), in_url)  # type: ignore[arg-type]
    assert (known.user_id, known.project_id) == expected
    assert known.roles == {"admin"}


def test_roles_that_are_named_are_all_there_are() -> None:
    known = NoAuth().identify(request(X_Auth_Token="u:p", X_Roles=" Member,reader ,"), None)  # type: ignore[arg-type]
    assert known.roles == {"member", "reader"}


@pytest.mark.parametrize("headers", [{"X_Auth_Token": "u:p"}, {"X_Auth_Token": "u", "X_Project_Id": "p"}])
def test_a_contradiction_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="Malformed request url"):
        NoAuth().identify(request(**headers), "q")  # type: ignore[arg-type]


@pytest.mark.parametrize("headers", [{}, {"X_Auth_Token": ""}, {"X_User_Id": "u", "X_Project_Id": "p"}])
def test_a_token_is_required(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated, match="X-Auth-Token: USER:PROJECT") as refused:
        NoAuth().identify(request(**headers), "p")  # type: ignore[arg-type]
    assert refused.value.challenge


@pytest.mark.parametrize("value", ["", " ", "a b", "-a", "a/b", "ä", "a" * 256, "a\n"])
def test_ids_that_are_none(value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        validated_id(value, "project_id")
    assert refused.value.field == "project_id"


@pytest.mark.parametrize("value", ["p1", "0" * 32, "a" * 255, "a.b@c:d_e-f"])
def test_ids(value: str) -> None:
    assert validated_id(value, "project_id") == value
