"""What credentials look like: one table, read by `redact.py`.

Issued credentials have a shape of their own: a prefix, an alphabet, a length. Each rule gives literals,
one of which a text must contain before its pattern is tried, so that a file without any costs only a
few searches for words. Patterns are bounded and cannot backtrack over more than one run of their
alphabet; group 1, where there is one, is the credential, else the whole match is.
"""

from __future__ import annotations

import re

from indexer.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SecretRule:
    """One kind of credential."""

    name: str
    literals: tuple[str, ...]
    """One of them must be in the text, in this case (in any case: see `ignore_case`)."""
    pattern: re.Pattern[str]
    ignore_case: bool = False
    """The literals are lower case and are looked for in the lower-cased text."""
    needs_randomness: bool = False
    """The shape is common: only what looks random counts."""


def _rule(
    name: str, literals: str, pattern: str, *, ignore_case: bool = False, needs_randomness: bool = False
) -> SecretRule:
    return SecretRule(name, tuple(literals.split()), re.compile(pattern), ignore_case, needs_randomness)


RULES = (
    _rule("AWS access key", "AKIA ASIA ABIA ACCA A3T",
          r"(?<![A-Z0-9])(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}(?![A-Z0-9])"),
    _rule("AWS secret key", "aws",
          r"(?i:aws).{0,40}?(?<![\w/+])([\w/+]{40})(?![\w/+=])", ignore_case=True, needs_randomness=True),
    _rule("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"(?<![^\W_])gh[pousr]_[A-Za-z0-9_]{36,255}"),
    _rule("GitHub token", "github_pat_", r"(?<![^\W_])github_pat_[A-Za-z0-9_]{22,255}"),
    _rule("GitLab token", "glpat- gldt- glft- glsoat- glrt- glcbt- glimt- glptt- glagent- gloas- GR1348941",
          r"(?<![^\W_])(?:gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-|GR1348941)[A-Za-z0-9_-]{20,255}"),
    _rule("Slack token", "xoxa- xoxb- xoxe- xoxe. xoxo- xoxp- xoxr- xoxs- xapp-",
          r"(?<![^\W_])(?:xox[abeoprs][-.]|xapp-)[A-Za-z0-9.-]{10,250}", needs_randomness=True),
    _rule("Slack webhook", "hooks.slack.com",
          r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/+]{20,100})"),
    _rule("Discord webhook", "/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/\d{5,25}/([\w-]{60,80})"),
    _rule("Discord token", "discord",
          r"(?<![\w.-])[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,40}(?![\w-])", ignore_case=True),
    _rule("Stripe key", "k_live_ k_test_ whsec_",
          r"(?<![^\W_])(?:[spr]k_(?:live|test)_|whsec_)[A-Za-z0-9]{16,250}"),
    _rule("Google API key", "AIza", r"(?<![\w-])AIza[\w-]{35}(?![\w-])"),
    _rule("Google OAuth secret", "GOCSPX- ya29.", r"(?<![\w-])(?:GOCSPX-[\w-]{28}|ya29\.[\w-]{20,500})"),
    _rule("Twilio key", "twilio", r"(?<![\w])(?:SK|AC)[0-9a-f]{32}(?!\w)", ignore_case=True),
    _rule("SendGrid key", "SG.", r"(?<![^\W_])SG\.[\w-]{20,24}\.[\w-]{39,50}"),
    _rule("Mailgun key", "key- mailgun", r"(?<![\w-])key-[0-9a-f]{32}(?!\w)"),
    _rule("Mailchimp key", "-us", r"(?<!\w)[0-9a-f]{32}-us\d{1,2}(?!\w)"),
    _rule("npm token", "npm_", r"(?<![^\W_])npm_[A-Za-z0-9]{36}(?!\w)"),
    _rule("npm token", "_authToken _auth _password",
          r":_(?:authToken|auth|password)[ \t]{0,8}=[ \t]{0,8}\"?([A-Za-z0-9+/=_-]{12,250})"),
    _rule("PyPI token", "pypi-Ag", r"(?<![^\W_])pypi-Ag[\w-]{50,500}"),
    _rule("OpenAI key", "T3BlbkFJ", r"(?<![^\W_])sk-[\w-]{0,180}T3BlbkFJ[\w-]{20,180}"),
    _rule("API key", "sk-proj- sk-ant- sk-or- sk-svcacct-",
          r"(?<![^\W_])sk-(?:proj|ant|or|svcacct)-[\w-]{20,250}"),
    _rule("Hugging Face token", "hf_ api_org_", r"(?<![^\W_])(?:hf_|api_org_)[A-Za-z]{34}(?![\w])"),
    _rule("Replicate token", "r8_", r"(?<![^\W_])r8_[A-Za-z0-9]{37}(?!\w)"),
    _rule("Groq key", "gsk_", r"(?<![^\W_])gsk_[A-Za-z0-9]{48,60}(?!\w)"),
    _rule("Databricks token", "dapi", r"(?<![^\W_])dapi[0-9a-f]{32}(?:-\d)?(?!\w)"),
    _rule("DigitalOcean token", "_v1_", r"(?<![^\W_])do[opr]_v1_[0-9a-f]{64}(?!\w)"),
    _rule("Doppler token", "dp.", r"(?<![^\W_])dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{40,80}"),
    _rule("Linear key", "lin_api_", r"(?<![^\W_])lin_api_[A-Za-z0-9]{40}(?!\w)"),
    _rule("Notion token", "ntn_ secret_",
          r"(?<![^\W_])(?:ntn_[A-Za-z0-9]{40,60}|secret_[A-Za-z0-9]{43})(?!\w)"),
    _rule("Postman key", "PMAK-", r"(?<![^\W_])PMAK-[0-9a-f]{24}-[0-9a-f]{34}(?!\w)"),
    _rule("Shopify token", "shpat_ shpca_ shppa_ shpss_",
          r"(?<![^\W_])shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}(?!\w)"),
    _rule("Square token", "sq0 EAAA",
          r"(?<![^\W_])(?:sq0[a-z]{3}-[\w-]{22,43}|EAAA[A-Za-z0-9_-]{60})(?![\w-])"),
    _rule("Telegram token", ":AA", r"(?<!\w)\d{8,10}:AA[\w-]{32,34}(?![\w-])"),
    _rule("Atlassian token", "ATATT3 ATCTT3 ATBB",
          r"(?<![^\W_])(?:AT[AC]TT3[\w=-]{100,300}|ATBB[A-Za-z0-9]{24,40})(?![\w])"),
    _rule("Azure key", "accountkey= sharedaccesskey= sig=",
          r"(?:(?i:(?:account|sharedaccess)key)=|[?&;]sig=)([A-Za-z0-9+/%]{40,100}={0,2})",
          ignore_case=True),
    _rule("Artifactory token", "AKC cmVmdGtu",
          r"(?<![\w+/])(?:AKC[a-zA-Z0-9]{60,80}|cmVmdGtu[A-Za-z0-9]{50,60})(?![\w])"),
    _rule("Vault token", "hvs. hvb. hvr.", r"(?<![^\W_])hv[sbr]\.[\w-]{24,300}"),
    _rule("Grafana token", "glsa_ glc_",
          r"(?<![^\W_])gl(?:sa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}|c_[A-Za-z0-9+/]{32,400}={0,2})"),
    _rule("New Relic key", "NRAK- NRII-", r"(?<![^\W_])NR(?:AK|II)-[A-Za-z0-9_-]{27,32}"),
    _rule("age key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    _rule("JSON web token", "eyJ", r"(?<![\w-])eyJ[\w-]{8,2000}\.eyJ[\w-]{8,4000}\.[\w-]{10,2000}"),
    _rule("password in a URL", "://",
          r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s:/?#@'\"<>`]{0,80}:([^\s:/?#@'\"<>`]{3,128})@(?=[\w.\[-])"),
    _rule("authorization header", "authorization x-api-key",
          r"(?i:authorization|x-api-key)[\"']?[ \t]{0,4}[:=,][ \t]{0,4}[\"'`]?"
          r"(?:(?i:bearer|basic|token)[ \t]{1,4})?([A-Za-z0-9+/=_.~-]{16,400})",
          ignore_case=True, needs_randomness=True),
)  # fmt: skip

KEY_BLOCK = re.compile(r"-----(BEGIN|END) (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----")
KEY_LITERAL = "PRIVATE KEY"
KEY_BODY = re.compile(r"[A-Za-z0-9+/=]{16,}")

NAMES = (
    "password", "passwd", "passphrase", "pwd", "secret", "token", "apikey", "api_key", "api-key", "accesskey",
    "access_key", "access-key", "authkey", "auth_key", "auth-key", "private_key", "privatekey", "private-key",
    "account_key", "accountkey", "encryption_key", "signing_key", "client_key", "service_key", "credential",
)  # fmt: skip
"""Lower case; one of them must be in a text before assignments are looked at."""

_NAME = (
    r"(?:passw(?:or)?d|passphrase|pwd|secret|token"
    r"|(?:api|access|auth|private|account|encryption|signing|client|service|master|db|database)[_-]?key"
    r"|credentials?)"
)
NAME_STARTS = (
    "passw", "passphrase", "pwd", "secret", "token", "api", "access", "auth", "private", "account",
    "encryption", "signing", "client", "service", "master", "db", "database", "credential",
)  # fmt: skip
"""How what `QUOTED` matches begins, in lower case."""
QUOTED = re.compile(
    rf"{_NAME}[\w-]{{0,36}}[\"'\]]{{0,2}}"
    r"[ \t]{0,20}(?::=|=>|[=!]==?|[:=,(])[ \t]{0,20}@?"
    r"(?P<quote>[\"'`])(?P<value>[^\"'`\s]{8,200})(?P=quote)",
    re.IGNORECASE,
)
"""`db_password = "..."`, `'api_key': '...'`, `setSecret("...")`: the value stands in quotes."""
BARE = re.compile(
    rf"^[ \t-]{{0,40}}(?:export |set |ENV |ARG )?[A-Za-z0-9_.-]{{0,40}}?{_NAME}[A-Za-z0-9_-]{{0,20}}"
    r"[ \t]{0,20}[:=][ \t]{0,20}(?P<value>[^\"'`\s#<>(){}\[\]$,;]{8,200})[ \t]{0,20}(?:#.*)?$",
    re.IGNORECASE | re.MULTILINE,
)
"""`DB_PASSWORD=...`, `token: ...`: only in the languages below, where values go without quotes."""
BARE_LANGUAGES = frozenset({"text", "yaml", "toml", "ini", "properties", "bash", "dockerfile"})

PLACEHOLDER = re.compile(
    r"(?i)example|sample|dummy|placeholder|changeme|change[_-]me|your[_-]|^your|insert|replace|redacted"
    r"|not[_-]?a[_-]?secret|xxxx|\*{3,}|\.{3}|\$[({\w]|%[({\w]|\{\{|\}\}|<[\w /-]+>|^#?\{|\}$"
    r"|^(?:process\.)?env[.:\[]|^os\.|^secrets?[.:/]"
    r"|^(?:true|false|none|null|undefined|nil|todo|test|testing|secret|pass(?:word|wd)?)\W?\d{0,4}\W?$"
    r"|\\[dws]|\[\^?\w-\w"
    r"|^(?:https?|file|s3|gs|arn|vault|ssm|ref|op):|^/|^\.{1,2}/"
    r"|\.(?:py|js|ts|go|rb|md|txt|json|ya?ml|html|pem|crt|key)$"
)
"""What stands for a credential without being one."""
