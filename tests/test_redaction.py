"""Secrets leave a failure text, and nothing else does. Every secret here is made up."""

import asyncio
import logging
import re
import time
import traceback
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

from error_patterns import AsyncErrorPatternRepository, DatabaseRejectedError, ErrorPattern, ErrorPatternRepository
from error_patterns.failures import read, text_of
from error_patterns.redaction import EVERY_RULE, NO_REDACTION, REDACTION_RULES, Redaction

redact = EVERY_RULE.redact

# The tokens are put together here, so that no scanner takes them for real ones.
MIXED = "a1B2c3D4" * 5
HEX = "0a1b2c3d" * 4
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYzzzzzzzzzz"
JWT = "eyJ" + "hbGciOiJIUzI1NiJ9." + "eyJ" + "zdWIiOiJhZGEifQ." + "c2lnbmF0dXJl"
BEGIN, END = "-----BEGIN {}PRIVATE " + "KEY-----", "-----END {}PRIVATE " + "KEY-----"
PEM = f"{BEGIN}\nMIIEow\nIBAAKC\n{END}"

SHAPES = {
    "AWS access key": "AK" + "IA" + "IOSFODNN7EXAMPLE",
    "AWS temporary key": "AS" + "IA" + "IOSFODNN7EXAMPLE",
    "AWS session token": "IQoJ" + "b3JpZ2lu" + MIXED,
    "Google API key": "AI" + "za" + MIXED[:35],
    "Google access token": "ya" + "29." + MIXED,
    "Google OAuth secret": "GOC" + "SPX-" + MIXED[:28],
    "Azure client secret": "abc8" + "Q~" + MIXED[:34],
    "GitHub personal": "gh" + "p_" + MIXED[:36],
    "GitHub OAuth": "gh" + "o_" + MIXED[:36],
    "GitHub user to server": "gh" + "u_" + MIXED[:36],
    "GitHub server": "gh" + "s_" + MIXED[:36],
    "GitHub refresh": "gh" + "r_" + MIXED[:36],
    "GitHub fine-grained": "github" + "_pat_" + MIXED,
    "GitLab personal": "gl" + "pat-" + MIXED[:20],
    "GitLab routable": "gl" + "pat-" + MIXED[:27] + ".01.a1b2c3d4e",
    "GitLab runner": "gl" + "rt-" + MIXED[:20],
    "GitLab deploy": "gl" + "dt-" + MIXED[:20],
    "GitLab CI job": "gl" + "cbt-64_" + MIXED[:20],
    "Slack bot": "xo" + "xb-" + "123456789012-a1B2c3D4",
    "Slack user": "xo" + "xp-" + "123456789012-a1B2c3D4",
    "Slack app": "xa" + "pp-1-" + "A0123-456-a1B2c3D4",
    "Stripe live": "sk" + "_live_" + MIXED[:24],
    "Stripe test": "sk" + "_test_" + MIXED[:24],
    "Stripe restricted": "rk" + "_live_" + MIXED[:24],
    "Stripe webhook": "wh" + "sec_" + MIXED[:32],
    "OpenAI": "sk" + "-" + MIXED,
    "OpenAI project": "sk" + "-proj-" + MIXED,
    "Anthropic": "sk" + "-ant-api03-" + MIXED,
    "PyPI": "py" + "pi-" + "AgEIcHlwaS5vcmc" * 2,
    "npm": "np" + "m_" + MIXED[:36],
    "Hugging Face": "h" + "f_" + MIXED[:34],
    "SendGrid": "S" + "G." + MIXED[:22] + "." + MIXED + "xyz",
    "Twilio": "S" + "K" + HEX,
    "Telegram": "123456789:" + "AA" + MIXED[:33],
    "Discord": "M" + MIXED[:23] + ".a1B2c3." + MIXED[:27],
    "Databricks": "da" + "pi" + HEX,
    "Groq": "gs" + "k_" + MIXED,
    "Vault": "hv" + "s." + MIXED,
    "JSON Web Token": JWT,
}

# Each failure, with `%` where the secret stands, and the secret.
PLACES = {
    "URL": ("could not connect to postgresql://app:%@db.internal:5432/orders", "hunter2"),
    "URL without a user": ("redis.exceptions.ConnectionError: redis://:%@cache:6379/0", "hunter2"),
    "URL in quotes": ("fatal: unable to access 'https://ci:%@git.example/app.git/'", "hunter2"),
    "URL of a SQLAlchemy dialect": ("postgresql+psycopg://app:%@/orders", "hunter2"),
    "URL, password with @": ("pq: dial tcp\nDATABASE=postgres://app:%@db:5432/orders\nexit 1", "hun@ter@2"),
    "URL, password with /": ("pq: dial tcp\npostgres://app:%@db:5432/orders\nexit 1", "hun/ter2"),
    "URL, password with / and @": ("pq: dial tcp\npostgres://app:%@db:5432/orders\nexit 1", "hun/t@er2"),
    "URL of MongoDB": ("pymongo.errors: mongodb+srv://root:%@a.example,b.example/?retryWrites=true", "hunter2"),
    "URL of AMQP": ("pika: amqps://guest:%@rabbit:5671/%2f refused", "hunter2"),
    "URL with a token for a user": ("fatal: https://%@git.example/app.git/ not found", HEX),
    "Oracle": ("java.sql.SQLException: jdbc:oracle:thin:scott/%@//db:1521/orders", "hunter2"),
    "Go DSN": ("panic: dial: app:%@tcp(10.0.0.1:3306)/orders\ngoroutine 1", "hunter2"),
    "ADO": ("SqlException: Server=db;User Id=sa;Password=%;Encrypt=true", "p@ss,w'1"),
    "ODBC": ("pyodbc: DRIVER={SQL};SERVER=db;UID=sa;PWD=%;Encrypt=yes", "p@ss/1"),
    "ODBC in braces": ("pyodbc: DRIVER={SQL};PWD={%};Encrypt=yes", "p;ss 1"),
    "libpq": ("psycopg.OperationalError: 'host=db user=app password=% dbname=orders'", "hunter2"),
    "libpq in quotes": ("conninfo: host=db password='%' dbname=orders", r"hun\'ter 2"),
    "JDBC": ("jdbc:postgresql://db/orders?user=app&password=%&ssl=true failed", "hunter2"),
    "Azure storage": ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=%;EndpointSuffix=x", MIXED + "=="),
    "Azure SAS": ("GET https://a.blob.core.windows.net/c?sv=2022&sig=%&se=2024: 403", "a1B2%2Fc3D4%3D"),
    "Azure service bus": ("Endpoint=sb://x/;SharedAccessKeyName=r;SharedAccessKey=%", MIXED + "="),
    "assignment": ("PGPASSWORD=% psql -h db failed with exit code 2", "hunter2"),
    "spaced assignment": ("aws_secret_access_key = %", AWS_SECRET),
    "assignment after a trace": ("+ export DB_PASSWORD=%\n+ ./migrate\nexit 1", "hun&ter;2"),
    "assignment of letters": ("POSTGRES_PASSWORD=% is too weak", "mysecretpassword"),
    "assignment of a digit": ("POSTGRES_PASSWORD=%\nexit 1", "7"),
    "assignment in other letters": ("export DB_PASSWORD='%'\n./migrate: 28P01", "密码锁"),
    "assignment in quotes": ("export API_TOKEN='%'\n./deploy: 401", 'a"b c'),
    "assignment cut off": ("export API_TOKEN='%", "hunter2 and more"),
    "key of a service": ("env:\n  MY_SERVICE_KEY=%\n  PATH=/bin", "abcdefgh"),
    "key in lower case": ("my_service_key=% rejected", "a1b2c3d4"),
    "key in camel case": ("Options(accessKey=%, region=eu)", "a1b2c3d4"),
    "Rails": ("SECRET_KEY_BASE=% rails s\nboom", HEX),
    "option": ("mysqldump --password=% orders: exit status 2", "hunter2"),
    "option and a blank": ("$ deploy --host x --api-token % --force\nexit 1", "hunter2"),
    "option as the last": ("$ login --password %\nexit 1", "hunter"),
    "option in a list": ("Command '['psql', '--password', '%', '-h', 'db']' returned 2", "hunter"),
    "option of mysql": ("+ mysql -h db -u root -p% orders\nERROR 1045 (28000)", "hunter2"),
    "option of mysqldump": ("+ mysqldump -p'%' orders\nERROR 1045 (28000)", "hun ter2"),
    "option of curl": ("+ curl -sf -u ada:% https://x\ncurl: (22) 401", "hunter2"),
    "docker login": ("+ docker login -u ada -p % registry.example\nunauthorized", "hunter2"),
    "sshpass": ("+ sshpass -p % ssh db\nPermission denied", "hunter2"),
    "query": ("403 Forbidden: /v1/items?api_key=%&page=3", "hunter2"),
    "keyword argument": ("connect(password='%')", "correct horse battery"),
    "keyword argument in a repr": ("User(name=bob, password=%)", "hunter2"),
    "JSON": ('request body: {"user": "ada", "client_secret": "%"}', "hunter2"),
    "JSON with escapes": ('{"password": "%", "x": 1}', r"hun\"ter\\2"),
    "JSON in JSON": (r'{"body": "{\"password\": \"%\", \"x\": 1}"}', "hunter2"),
    "repr of a dict": ("KeyError in {'apiKey': '%', 'region': 'eu'}", "hunter2"),
    "mail transport": ("{host: 'x', auth: {user: 'ada', pass: '%'}}", "hunter2"),
    "form as pairs": ("urlencode([('user', 'ada'), ('password', '%')])", "hunter2"),
    "pair of requests": ("    get(url, auth=('ada', '%'))\nrequests.exceptions.HTTPError: 401", "hunter2"),
    "repr of bytes": ("KeyError in {'password': b'%'}", "hunter2"),
    "YAML": ('database:\n  passwd: "%"\n', "hunter2"),
    "YAML without quotes": ("error in values.yaml:\ndatabase:\n  password: %\n  host: db", "swordfish"),
    "YAML block": ("database:\n  password: |\n    %\n  host: db", "hunter2"),
    "log line": ("12:00 user: bob password: % host: db", "hunter2"),
    "TOML": ('[db]\npassword = "%"\nkeys must be unique', "hunter2"),
    "Ruby": ('undefined method in {:password=>"%"}', "hunter2"),
    "XML": ("<server>\n<password>%</password>\n</server> is malformed", "hunter2"),
    "app settings": ('<add key="DbPassword" value="%" /> is malformed', "hunter2"),
    "Kubernetes variable": ("- name: DB_PASSWORD\n  value: %\n- name: X", "hunter2"),
    "kubectl describe": ("    Environment:\n      DB_PASSWORD:  %\n      PORT:  80", "hunter2"),
    "kubeconfig": ("users:\n- user:\n    client-key-data: %", "LS0tLS1CRUdJTiBS" + MIXED),
    "task definition": ('{"name": "DB_PASSWORD", "value": "%"}', "hunter2"),
    "docker inspect": ('"Env": [\n  "PORT=80",\n  "DB_PASSWORD=%",\n  "PATH=/bin"\n]', "hunter2"),
    "npmrc": ("npm ERR! //registry.npmjs.org/:_authToken=%\nnpm ERR! 403", "hunter2"),
    "netrc": ("machine x login ada password %\nunknown token", "hunter2"),
    "SQL": ("syntax error: CREATE USER ada WITH PASSWORD '%'", "hun''ter2"),
    "SQL of MySQL": ("syntax error: CREATE USER ada IDENTIFIED BY '%'", "hunter2"),
    "environment": ("env: OPENAI_API_KEY=% PATH=/bin", "hunter2"),
    "session token": ("aws_session_token = %\nExpiredToken", MIXED),
    "call with a call before it": ("token = get_token(user, password='%')", "hunter2"),
    "token with a call around it": ("token = get_token(password='%')", "hunter2"),
    "bearer header": ("> Authorization: Bearer %\n< HTTP/2 401", "abcdef0123456789"),
    "bearer header of curl": ("curl -H 'Authorization: Bearer %' https://x\n401", "abcdef"),
    "bearer header in double quotes": ('curl -H "authorization: bearer %" https://x\n401', "abcdef"),
    "basic header": ("Proxy-Authorization: Basic %", "YWRhOmh1bnRlcjI="),
    "header without a scheme": ("> Authorization: %", MIXED),
    "digest header": ('> Authorization: Digest username="ada", response="%"', HEX),
    "signed header": ("> Authorization: AWS4-HMAC-SHA256 Credential=x, Signature=%", HEX),
    "headers as a dict": ("{'Authorization': 'token %'}", "hunter2hunter2"),
    "headers as JSON": ('{\\"Authorization\\": \\"Bearer %\\"}', "hunter2hunter2"),
    "header of WSGI": ("{'HTTP_AUTHORIZATION': 'Bearer %', 'HTTP_HOST': 'x'}", "hunter2"),
    "headers as pairs": ("[(b'host', b'x'), (b'authorization', b'Bearer %')]", "hunter2hunter2"),
    "key header": ("> X-Api-Key: %\n< HTTP/2 401", "hunter2"),
    "key header of curl": ("curl -H 'X-Auth-Token: %' https://x\n401", "hunter2"),
    "key header as a pair": ("[('x-api-key', '%')]", "hunter2"),
    "GitLab header": ("curl --header 'PRIVATE-TOKEN: %' https://x\n401", "hunter2"),
    "cookie": ("> Cookie: theme=dark; sid=%\n< HTTP/2 401", "hunter2"),
    "set cookie": ("< Set-Cookie: sid=%; Path=/; HttpOnly", "hunter2"),
    "cookie of curl": ("curl -H 'Cookie: sid=%' https://x\n401", "hunter2"),
    "cookie in a dict": ("{'Set-Cookie': 'sid=%; Path=/'}", "hunter2"),
    "cookies": ("get(url, cookies={'sid': '%'})", "hunter2"),
    "cookie jar": ("<RequestsCookieJar[<Cookie sid=% for x/>]>", "hunter2"),
    "bearer in prose": ("invalid bearer % for this realm", "abcdef0123456789"),
    "unsigned JSON Web Token": ("rejected %", "eyJ" + "hbGciOiJub25lIn0." + "eyJ" + "zdWIiOiJhZGEifQ."),
    "Slack hook": ("POST https://hooks.slack" + ".com/services/% 404", "T000/B000/" + MIXED),
    "Discord hook": ("POST https://discord" + ".com/api/webhooks/123456/% 404", MIXED),
    "Telegram bot": ("GET https://api.telegram.org/bot123456789:%/getMe 404", "AA" + MIXED[:33]),
    "signed URL": ("GET https://b.s3.amazonaws.com/k?X-Amz-Signature=%&x=1 403", HEX),
    "service account": (r'{"key": "' + BEGIN.format("") + r"\n%\n" + END.format("") + r'\n", "id": "1"}', r"MII\nIBA"),
}

TRACEBACK = """Traceback (most recent call last):
  File "/srv/app/worker.py", line 12, in run
    client.send(request)
service.errors.Refused: 401 for {}, giving up
"""
FAILURES = {place: (failure.replace("%", secret, 1), secret) for place, (failure, secret) in PLACES.items()}
FAILURES |= {shape: (TRACEBACK.format(secret), secret) for shape, secret in SHAPES.items()}

# One a line. Code, messages, identifiers and settings that look like secrets, or name them.
LINES = r"""
KeyError: 'password'
KeyError: 'OPENAI_API_KEY'
KeyError: "API_KEY"
os.environ["API_KEY"]
os.environ['DATABASE_PASSWORD']
os.environ.get("API_KEY", None)
    api_key = os.environ["API_KEY"]
    token = os.getenv("GITHUB_TOKEN")
    secret: str = os.environ.get('CLIENT_SECRET')
    connect(password=password, token=self.token)
connect(password=password, token=self.token)
    client = Client(api_key=api_key, base_url=url)
    client = Client(api_key=self.api_key)
    client = Client(token=settings.token, secret=config.client_secret)
    return login(user, password=user_password)
    token = get_token(request)
token = get_token(request)
    token = await fetch_token(session)
    password = getpass.getpass()
    password = input("Password: ")
    api_key: str = Field(...)
    api_key: str = Field(default=None, repr=False)
    api_key: SecretStr
    password: str
    password: str | None = None
    token: Optional[str] = None
    token: Annotated[str, Depends(scheme)]
    token: Token
    def login(self, user: str, password: str) -> None:
    def __init__(self, token=None, secret=None):
    secret = self.secret
    self.token = token
    self._password = password
    if token == other_token:
    if password is None:
    if not token:
    assert token is not None, "token"
    raise ValueError("password is required")
    password = data["password"]
    password = request.form["password"]
    secret = secrets.token_hex(16)
    for token in tokens:
    token = next(tokens)
    tokens = tokenizer.tokenize(text)
    token = self.lexer.next_token()
    token = yield
    key=lambda item: item.key
    sorted(rows, key=itemgetter(1))
    const token = await getToken();
    const password = process.env.DB_PASSWORD;
    password: process.env.DB_PASSWORD,
    token: this.token,
    String password = config.getPassword();
    private final String password;
    password: password,
    auth_token = settings.AUTH_TOKEN
    key = load_pem_private_key(data, password=None)
    return f"{user}:{password}@{host}"
    headers = {"Authorization": f"Bearer {token}"}
    headers = {"Authorization": "Bearer " + token}
    headers["Authorization"] = auth_header
    cookies = response.cookies
    cookies = {}
max_tokens=4096
app.errors.MissingApiKey: OPENAI_ORG
jwt.exceptions.InvalidToken: signature_mismatch
POST /reset-password: 500
Token: EOF
max_tokens: 4096
"max_tokens": 4096
token_count: 12
"token_count": 12
tokens=4096
"total_tokens": 1532, "prompt_tokens": 32
n_tokens = 12
token_limit=8192
token_ids=[101, 2023, 102]
token=4096
tokenizer=bert-base-uncased
tokenizer: bert-base-uncased
tokenizer_config.json not found
pad_token='[PAD]', eos_token='</s>', unk_token='<unk>'
"bos_token": "<s>"
next_token: CAESBgoEMTIzNA
token_type: bearer
"token_type": "bearer"
"token_endpoint": "https://example.org/oauth/token"
secret_name not found
secret_name=db-credentials
secretName: db-credentials
secret "db-credentials" not found
secrets "db-credentials" is forbidden: User "ci" cannot get resource
MountVolume.SetUp failed for volume "token" : secret "app-token" not found
Error: couldn't find key password in Secret default/db
secretKeyRef:
password_file=/run/secrets/db_password
password_file: /etc/app/password
password=/run/secrets/db_password
token=/var/run/secrets/kubernetes.io/serviceaccount/token
FileNotFoundError: /run/secrets/db_password
ssh_key=~/.ssh/id_rsa
private_key: ./certs/server.pem
private_key=server.key
ssl_key=/etc/ssl/private/server.key
credentials: include
credentials=service-account.json
primary_key=id
primary_key: id
primary_key=True
foreign_key=orders.id
foreign_key: customer_id
sort_key=name
partition_key=tenant
partition_key: 2026-01-01
cache_key=user:12
cache_key: 'user:12:profile'
public_key=ssh-ed25519
"public_key": "abc123def456"
routing_key=orders.created.v1
routing_key='orders.created'
idempotency_key=0a1b2c3d
object_key=uploads/2026/a1.png
s3_key: uploads/2026/a1.png
unique_key=email
hash_key=order_id
group_key=region
lookup_key: a1b2
dedup_key=a1b2c3
merge_key=name
event_key=push
keyboard=us
keyboard: us-intl
monkey=banana
monkey=banana42
turkey: 12
key=value, monkey=banana, keyboard=us
key: value
hotkey=ctrl+k
keyspace=orders1
keyframe=12
SyntaxError: unexpected token ':'
SyntaxError: Unexpected token '}' at position 12
SyntaxError: Unexpected token < in JSON at position 0
Unexpected token: }
unexpected token: IDENTIFIER
invalid token: expected
invalid token: expected one of ','
yaml: line 3: found character that cannot start any token
pyparsing: token: 12
parse error near token: `;'
Token(type=NAME, line=3, column=7)
ValueError: password: must have at least 8 characters
password must have 8 characters
password: must have 8 characters
Password: required
password: This field is required.
{"password": "This field is required."}
{"password": ["This field is required."]}
"password": "must not be empty"
The password is too short
wrong password for user ada
FATAL: password authentication failed for user "app"
Enter password:
Password:
fe_sendauth: no password supplied
Access denied for user 'root'@'localhost' (using password: YES)
Access denied for user 'root'@'localhost' (using password: NO)
argument --password: expected one argument
error: the following arguments are required: --password, --token
usage: login [-h] [--password PASSWORD] [--token TOKEN] [--api-key API_KEY]
use --password-stdin to read it from standard input
pass --token or set GITHUB_TOKEN
--token is required
pass=3 fail=2
pass: 3, fail: 2
PASS: TestOrders
--- PASS: TestOrders/empty (0.00s)
fields = ('password', 'email')
('token', 'id')
passed=3 failed=2
first_pass=3
bypass=true
compass=north
API key not found
API key: not found
api_key: missing
Missing api_key
api_key is not set
AttributeError: 'Settings' object has no attribute 'api_key'
NameError: name 'token' is not defined
TypeError: login() missing 1 required positional argument: 'password'
TypeError: login() got an unexpected keyword argument 'token'
CSRF token missing
CSRF token missing or incorrect.
token expired
token: expired
token has expired at 2026-01-01T00:00:00Z
jwt.exceptions.DecodeError: Not enough segments
Authorization header missing
Authorization: header missing
Authorization: required
authorization: Bearer token missing
WWW-Authenticate: Bearer realm="api"
the bearer of this is late
Authorization: Bearer $TOKEN
Authorization: Bearer ${GITHUB_TOKEN}
Authorization: Bearer <token>
Authorization: ***
Cookie: missing
cookie not set
password=None
password=none
password: null
password=''
password=""
"password": null
"password": ""
password=***
password: ********
password='***'
password=<password>
password: <hidden>
<password>
password=${DB_PASSWORD}
password: ${DB_PASSWORD}
PGPASSWORD=$DB_PASSWORD psql
password=%(password)s
password=%s
password={password}
password: {{ db_password }}
token: ${{ secrets.GITHUB_TOKEN }}
password=$(cat /run/secrets/db)
password=SecretStr('**********')
INSERT INTO users (name, password) VALUES (%s, %s)
WHERE password = :password
WHERE token = ?
postgresql://app:***@db:5432/orders
postgresql://app:${DB_PASSWORD}@db:5432/orders
postgresql://app@db.internal:5432/orders
postgresql://db.internal:5432/orders
https://example.org:8443/path?page=2&sort=asc
https://example.org:8443/@scope/package@1.2.3
https://registry.example:5000/image@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
http://[::1]:8080/a@b
http://localhost:3000
https://cdn.example.org/npm/vue@3.4.1/dist/vue.js
ssh://git@github.com:22/org/repository.git
git@github.com:org/repository.git
mail from ada@example.org: refused
sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
image@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
SHA256:n3XfZ2Q0b1S9wq7vH8k5JtLrPyMdCgEaUoIxTzBvNfW
commit 9fceb02d0ae598e95dc970b74767f19372d61af8
HEAD is now at 9fceb02 fix
123e4567-e89b-12d3-a456-426614174000
request_id=123e4567-e89b-12d3-a456-426614174000
session_id=123e4567-e89b-12d3-a456-426614174000
user_id=12 trace_id=4bf92f3577b34da6a3ce929d0e0e4736
etag: "9f86d081884c7d659a2feaa0c55ad015"
data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk
background: url(data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7)
org.springframework.security.authentication.BadCredentialsException: Bad credentials
com.example.MySuperLongServiceFactory.create.buildTheTokenFromTheRequestBody
java.lang.IllegalStateException: KeyStore.getInstance
arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf
arn:aws:iam::123456789012:role/deploy
docker.io/library/token:1.2.3
docker run -u 1000:1000 app
docker run -p 8080:80 app
mkdir -p /srv/app && mysqld --version
mysql -h db -u root -p orders
psql -p 5432
PWD=/home/ada
OLDPWD=/srv/app
sk-learn is not installed, see scikit-learn
sk-learn-contrib-extensions-package is not installed
task-1234567890123456 failed
npm_config_registry=https://registry.npmjs.org
npm_lifecycle_event=test
hf_hub_download failed
from huggingface_hub import hf_hub_download_and_cache_everything
pypi-server-deployment-in-the-cluster
github_pat_ is the prefix of a token
-----BEGIN CERTIFICATE-----
-----BEGIN PUBLIC KEY-----
File '/srv/app/tokens.py', line 3, in refresh_token
  File "/srv/app/password.py", line 12, in check_password
eyJ is how they begin
1700000000:AB is no bot
src/secret/token.py:12: error: Name "token" is not defined  [name-defined]
E   assert response.token == expected_token
E   AssertionError: password
auth::Token::parse
Auth\Token
"""
HARMLESS = [*LINES.strip("\n").split("\n"), f"expected '{BEGIN.format('')}'"]


class TestSecrets:
    @pytest.mark.parametrize(("failure", "secret"), FAILURES.values(), ids=FAILURES)
    def test_no_secret_survives(self, failure: str, secret: str) -> None:
        assert secret in failure
        assert secret not in redact(failure)

    @pytest.mark.parametrize(("failure", "secret"), FAILURES.values(), ids=FAILURES)
    def test_what_was_taken_out_shows_and_what_stands_around_it_stays(self, failure: str, secret: str) -> None:
        before, after = redact(failure).split("[redacted]")
        assert failure.startswith(before)
        assert failure.endswith(after)

    def test_only_the_secret_goes(self) -> None:
        text = "could not connect to postgresql://app:hunter2@db.internal:5432/orders after 3 attempts"
        assert redact(text) == text.replace("hunter2", "[redacted]")

    @pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED ", "PGP "])
    def test_private_keys_go_whole(self, kind: str) -> None:
        assert redact(f"cannot load\n{PEM.format(kind, kind)}\nwrong format") == (
            f"cannot load\n{BEGIN.format(kind)}[redacted]{END.format(kind)}\nwrong format"
        )

    @pytest.mark.parametrize("line_break", ["\n", "\\n", "\\\\n", "\r\n", " "])
    def test_a_private_key_that_was_cut_off_goes_to_the_end(self, line_break: str) -> None:
        cut_off = BEGIN.format("RSA ") + line_break + MIXED + line_break + "MIIE"
        assert redact(cut_off) == BEGIN.format("RSA ") + "[redacted]"

    def test_redacting_again_changes_nothing(self) -> None:
        redacted = [redact(failure) for failure, _ in FAILURES.values()]
        assert list(map(redact, redacted)) == redacted

    def test_every_secret_of_a_text_goes(self) -> None:
        redacted = redact("\n".join(failure for failure, _ in FAILURES.values()))
        assert [secret for _, secret in FAILURES.values() if len(secret) > 1 and secret in redacted] == []


class TestHarmlessText:
    def test_it_is_untouched(self) -> None:
        touched = [(text, redact(text)) for text in HARMLESS if redact(text) != text]
        assert len(HARMLESS) >= 200
        assert touched == []

    def test_it_is_untouched_as_one_text(self) -> None:
        together = "\n".join(HARMLESS)
        assert redact(together) == together


PIECES = (
    [failure for failure, _ in FAILURES.values()]
    + HARMLESS
    + list(SHAPES.values())
    + [
        "[redacted]",
        "password",
        "token",
        "_key",
        "=",
        ": ",
        " = ",
        ":",
        "'",
        '"',
        '\\"',
        "\\",
        "\n",
        " ",
        ", ",
        ";",
        "&",
    ]
    + ["(", ")", "[", "]", "{", "}", "<", ">", "@", "/", "://", "-", "--", ".", "eyJ", "\0", "\ud800", "foo", "x1", "1"]
    + [BEGIN.format(""), END.format(""), "Authorization: ", "Cookie: a=", "Bearer ", "mysql -p", "curl -u a:"]
)
TEXTS = st.text() | st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join)


class TestAnyText:
    @given(TEXTS)
    @settings(deadline=None)
    def test_redacting_again_changes_nothing(self, text: str) -> None:
        assert redact(redact(text)) == redact(text)

    @given(
        TEXTS, st.sampled_from([r"\w+", r".*", r"b|$", r"(?P<secret>x)?y?", r"\[redacted\]", "(?i)PASS(?P<secret>.)"])
    )
    @settings(deadline=None)
    def test_what_is_hidden_is_never_hidden_again(self, text: str, pattern: str) -> None:
        redaction = Redaction((pattern,))
        assert "[[redacted]" not in redaction.redact("".join(each for each in text if each not in "[]"))

    @given(TEXTS)
    @settings(deadline=None)
    def test_it_is_untouched_without_rules(self, text: str) -> None:
        assert NO_REDACTION.redact(text) == text


# For each rule, a failure in which nothing but that rule hides something.
ONLY_OF = {
    "private-key": PEM.format("", ""),
    "url-password": FAILURES["URL"][0],
    "authorization": FAILURES["bearer header"][0],
    "cookie": FAILURES["cookie"][0],
    "assignment": FAILURES["assignment"][0],
    "option": FAILURES["option and a blank"][0],
    "jwt": JWT,
    "aws": SHAPES["AWS access key"],
    "google": SHAPES["Google API key"],
    "azure": FAILURES["Azure SAS"][0],
    "github": SHAPES["GitHub personal"],
    "gitlab": SHAPES["GitLab personal"],
    "slack": SHAPES["Slack bot"],
    "stripe": SHAPES["Stripe live"],
    "openai": SHAPES["OpenAI"],
    "anthropic": SHAPES["Anthropic"],
    "pypi": SHAPES["PyPI"],
    "npm": SHAPES["npm"],
    "hugging-face": SHAPES["Hugging Face"],
    "sendgrid": SHAPES["SendGrid"],
    "twilio": SHAPES["Twilio"],
    "telegram": SHAPES["Telegram"],
    "discord": SHAPES["Discord"],
    "other-services": SHAPES["Vault"],
}


class TestRuleNames:
    @pytest.mark.parametrize("name", REDACTION_RULES)
    def test_each_rule_can_be_switched_off(self, name: str) -> None:
        failure = ONLY_OF[name]
        assert redact(failure) != failure
        assert Redaction(without=frozenset({name})).redact(failure) == failure

    def test_the_other_rules_stay_on(self) -> None:
        without_urls = Redaction(without=frozenset({"url-password"}))
        assert without_urls.redact("redis://:hunter2@cache and token=hunter2") == (
            "redis://:hunter2@cache and token=[redacted]"
        )

    def test_an_unknown_name_is_refused_with_the_known_ones(self) -> None:
        with pytest.raises(ValueError, match=r"no rule is named 'githib'.*private-key.*github"):
            Redaction(without=frozenset({"githib"}))


class TestPatternsOfTheCaller:
    @pytest.mark.parametrize("pattern", [r"CUST-\d+", re.compile(r"cust-\d+", re.IGNORECASE)])
    def test_what_they_match_is_hidden(self, pattern: str | re.Pattern[str]) -> None:
        assert Redaction((pattern,)).redact("no CUST-12, no CUST-13") == "no [redacted], no [redacted]"

    def test_only_their_group_of_that_name_is_hidden(self) -> None:
        redaction = Redaction((r"customer (?P<secret>\w+) of (?P<name>\w+)",))
        assert redaction.redact("customer ada of acme") == "customer [redacted] of acme"

    def test_they_work_where_every_rule_is_off(self) -> None:
        redaction = Redaction(("ada",), without=NO_REDACTION.without)
        assert redaction.redact("ada: token=hunter2") == "[redacted]: token=hunter2"

    def test_they_hide_nothing_where_they_match_nothing(self) -> None:
        assert Redaction(("x*", "(?P<secret>x)?y")).redact("any y") == "any y"

    @pytest.mark.parametrize("pattern", ["(", "a{9999999999999}", "(?P<secret>a"])
    def test_a_broken_one_is_refused(self, pattern: str) -> None:
        with pytest.raises(ValueError, match="is no valid expression"):
            Redaction(("fine", pattern))


# What each rule is to be slow on, as often as it goes into a long text.
UNITS = {
    "private-key": [
        "-----BEGIN ",
        f"{BEGIN} x ",
        BEGIN.format(""),
        f"{BEGIN}\n",
        BEGIN.format("A" * 30)[:-5],
        "-",
        "-----END ",
    ],
    "url-password": [
        "://",
        "://a:",
        "://a:b/",
        "://a:b@",
        "://1a",
        "a://a:b@c/d ",
        "thin:a/",
        "a:a@tcp",
        "://${a}:${b}@",
    ],
    "authorization": [
        "Authorization: ",
        "Authorization: Bearer ",
        "authorization=a",
        "Bearer a-",
        "('token', '",
        "Authorization '",
    ],
    "cookie": ["Cookie: ", "Cookie: a=", 'Cookie: a="', "cookies={", "<Cookie a=", "--cookie a"],
    "assignment": [
        *(
            "a",
            "a-",
            "password=",
            "password: ",
            "password='",
            "password=\\",
            "password=f(",
            "password=${",
            "password=a,",
        ),
        *(
            "password ",
            "sort_key=",
            "_key",
            "token: a ",
            "token=''",
            "token=",
            'token=\\"',
            "PWD=/",
            "<token>",
            "token:::",
        ),
        *(
            "name: token value: ",
            "name: token ",
            "pwd={",
            "PASSWORD '",
            "login a ",
            "token= ",
            "password=)",
            "token: |\n",
        ),
    ],
    "option": [
        "--password ",
        "--token a ",
        "--",
        "mysql ",
        "mysql -p",
        "mysql\\\n",
        "curl ",
        "curl -u ",
        "redis-cli ",
        "sshpass -p '",
    ],
    "jwt": ["eyJ", "eyJ-", "eyJhbGciOiJI.", "eyJhbGciOiJI-", "a-"],
    "aws": ["AKIA", "AKIA-", "IQoJb3JpZ2lu-", "X-Amz-Signature=", "x-amz-"],
    "google": ["AIza", "AIza ", "ya29.", "1//0"],
    "azure": ["AccountKey=", "&sig=", "abc8Q~", "Q~"],
    "github": ["ghp_", "ghp_-", "github_pat_"],
    "gitlab": ["glpat-", "glpat-aaaaaaaaaaaaaaaa.", "glpat-.ab"],
    "slack": ["xoxb-", "xoxb.", "hooks.slack.com/services/"],
    "stripe": ["sk_live_", "whsec_"],
    "openai": ["sk-", "sk-a", "sk-aaaaaaaaaaaaaaaaaaaa "],
    "anthropic": ["sk-ant-"],
    "pypi": ["pypi-Ag"],
    "npm": ["npm_"],
    "hugging-face": ["hf_"],
    "sendgrid": ["SG.", "SG.aaaaaaaaaaaaaaaa."],
    "twilio": ["SK0"],
    "telegram": ["123456:AA", "1"],
    "discord": ["M", "M1", "Maaaaaaaaaaaaaaaaaaaaaa1.", "discord.com/api/webhooks/1"],
    "other-services": ["hvs.", "gsk_", "dapi"],
}


def seconds(redaction: Redaction, text: str) -> float:
    started = time.process_time()
    redaction.redact(text)
    return time.process_time() - started


class TestTime:
    """Square time is minutes for 1 MB, and seconds for 40 KB."""

    @pytest.mark.parametrize(("name", "unit"), [(name, unit) for name, units in UNITS.items() for unit in units])
    def test_no_repetition_takes_square_time(self, name: str, unit: str) -> None:
        alone = Redaction(without=NO_REDACTION.without - {name})
        assert seconds(alone, unit * (40_000 // len(unit))) < 1

    @pytest.mark.parametrize("name", REDACTION_RULES)
    def test_a_megabyte_takes_seconds(self, name: str) -> None:
        alone = Redaction(without=NO_REDACTION.without - {name})
        share = 1_000_000 // len(UNITS[name])
        assert seconds(alone, "\n".join(unit * (share // len(unit)) for unit in UNITS[name])) < 5

    @pytest.mark.parametrize("unit", ["a", "[redacted]", "a b "])
    def test_a_megabyte_takes_seconds_for_all_rules_together(self, unit: str) -> None:
        assert seconds(Redaction(), unit * (1_000_000 // len(unit))) < 5


class TestRecording:
    def test_a_secret_in_an_exception_is_not_in_its_text(self) -> None:
        assert "hunter2" not in text_of(ConnectionError("redis://:hunter2@cache:6379/0"))

    def test_two_failures_that_differ_in_a_secret_are_one(self) -> None:
        first, second = (text_of(f"login failed: password={secret}") for secret in ("hunter2", "swordfish"))
        assert read(first).fingerprint == read(second).fingerprint

    def test_no_secret_reaches_the_database(self, repository: ErrorPatternRepository) -> None:
        for failure, _ in FAILURES.values():
            repository.record_failure(failure)
        stored = " ".join(pattern.model_dump_json() for pattern in repository.list_all())
        assert [secret for _, secret in FAILURES.values() if len(secret) > 1 and secret in stored] == []

    def test_no_secret_reaches_an_error(self, tmp_path: Path) -> None:
        engine = create_engine(f"sqlite:///{tmp_path}/without_tables.db")  # which shows parameters, unlike ours
        repository = ErrorPatternRepository(sessionmaker(engine))
        for failure, secret in FAILURES.values():
            with pytest.raises(DatabaseRejectedError) as caught:
                repository.record_failure(failure)
            assert len(secret) == 1 or secret not in "".join(traceback.format_exception(caught.value))
        engine.dispose()

    def test_no_secret_reaches_a_log(self, file_url: str, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "sqlalchemy")
        engine = create_engine(file_url)  # which logs parameters, unlike ours
        repository = ErrorPatternRepository(sessionmaker(engine))
        for failure, _ in FAILURES.values():
            repository.record_failure(failure)
        engine.dispose()
        assert "INSERT INTO error_patterns" in caplog.text
        assert [secret for _, secret in FAILURES.values() if len(secret) > 1 and secret in caplog.text] == []


class TestOfARepository:
    FAILURE = "login failed: password=hunter2 for ticket T-4711"

    def test_the_patterns_of_the_caller_are_hidden_too(self, file_url: str) -> None:
        with ErrorPatternRepository.open(file_url, redaction=Redaction(patterns=(r"T-\d+",))) as repository:
            assert (
                repository.record_failure(self.FAILURE).pattern
                == "login failed: password=[redacted] for ticket [redacted]"
            )

    def test_it_can_be_turned_off(self, file_url: str) -> None:
        with ErrorPatternRepository.open(file_url, redaction=NO_REDACTION) as repository:
            assert repository.record_failure(self.FAILURE).historical_failures == [self.FAILURE]

    def test_it_holds_in_a_transaction(self, file_url: str) -> None:
        redaction = Redaction(patterns=(r"T-\d+",))
        with (
            ErrorPatternRepository.open(file_url, redaction=redaction) as repository,
            repository.transaction() as inside,
        ):
            assert "T-4711" not in inside.record_failure(self.FAILURE).pattern

    def test_it_holds_in_a_session_of_the_caller(self, file_url: str) -> None:
        engine = create_engine(file_url)
        with Session(engine) as session:
            repository = ErrorPatternRepository.in_session(session, redaction=NO_REDACTION)
            assert repository.record_failure(self.FAILURE).historical_failures == [self.FAILURE]
        engine.dispose()

    def test_it_holds_for_asyncio(self, file_url: str) -> None:
        async def recorded() -> ErrorPattern:
            opened = AsyncErrorPatternRepository.open(file_url, redaction=NO_REDACTION)
            async with opened as repository, repository.transaction() as inside:
                return await inside.record_failure(self.FAILURE)

        assert asyncio.run(recorded()).historical_failures == [self.FAILURE]

    def test_what_hides_a_secret_is_no_keyword(self, repository: ErrorPatternRepository) -> None:
        assert "redacted" not in repository.record_failure(self.FAILURE).keywords
