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
from error_patterns.failures import failure_text, parse_failure
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
    "Atlassian": "ATA" + "TT3" + MIXED + "=0A1B2C3D",
    "Bitbucket": "ATC" + "TT3" + MIXED + "=0A1B2C3D",
    "Figma": "fi" + "gd_" + MIXED,
    "Square access": "sq0" + "atp-" + MIXED[:22],
    "Square secret": "sq0" + "csp-" + MIXED,
    "age": "AGE-" + "SECRET-KEY-1" + MIXED.upper(),
    "Supabase": "sb" + "_secret_" + MIXED[:31],
    "Mailgun": "ke" + "y-" + HEX,
    "Netlify": "nf" + "p_" + MIXED,
    "Pulumi": "pu" + "l-" + HEX + "0a1b2c3d",
    "PostHog": "ph" + "x_" + MIXED,
    "Docker organisation": "dckr" + "_oat_" + MIXED,
    "Contentful": "CF" + "PAT-" + MIXED,
    "Fly": "fm" + "2_" + MIXED,
    "Sourcegraph": "sg" + "p_" + HEX + "0a1b2c3d",
    "Tailscale": "ts" + "key-auth-" + MIXED,
    "Sentry user": "sntry" + "u_" + HEX + HEX,
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
    "form data": ("bad form {'password': ['%']}", "hunter2"),
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
    "password of ssh": ("+ SSHPASS=% ssh db\nPermission denied", "s3cret"),
    "short name": ("smtp: user=ada pw=% host=x", "hunter2"),
    "short name with another before it": ("LDAP_PW=% slapd failed", "s3cret"),
    "name of two words": ("[Interface]\nprivate key = %\nPort = 51820", "abc123def"),
    "name of two words, upper case": ("config: API key: % was rejected", "x1y2z3w4"),
    "name of two words in prose": ("401: your api key is %, which was revoked", "a1b2c3d4e5"),
    "prose": ("login failed: the password is %.", "hunter2"),
    "prose with a colon": ("login failed: your password was: %", "s3cret"),
    "prose with a number": ("login failed: the password is %", "84217"),
    "prose in quotes": ("login failed, the password was '%'", "swordfish"),
    "prose about a passphrase": ('gpg: the passphrase is "%" and the key is rsa', "correct horse"),
    "prose about a variable": ("DB_PASSWORD is % on staging", "hunter2"),
    "compared with ==": ("E   assert user.password == '%'", "hunter2"),
    "compared with !=": ("E   AssertionError: assert token != '%'", MIXED[:16]),
    "compared with ===": ('AssertionError: apiKey === "%"', "a1b2c3d4"),
    "compared, without digits": ("assert row.password == '%'", "CorrectHorseBatteryStaple"),
    "SQL in double quotes": ('ORA-00988: CREATE USER ada IDENTIFIED BY "%"', "hunter2"),
    "SQL in JSON": (r'{"sql": "CREATE USER ada IDENTIFIED BY \"%\""}', "hunter2"),
    "SQL without quotes": ("ORA-00988: CREATE USER ada IDENTIFIED BY %", "hunter2"),
    "SQL with a plugin": ("1064: ALTER USER ada IDENTIFIED WITH mysql_native_password BY '%'", "hunter2"),
    "SQL of a password": ("1064: SET PASSWORD = '%'", "hunter2"),
    "SQL of the password of a user": ("1064: SET PASSWORD FOR 'ada'@'db' = '%'", "hunter2"),
    "SQL of a hashed password": ("1064: SET PASSWORD FOR ada = PASSWORD('%')", "hunter2"),
    "sqlplus": ("+ sqlplus scott/%@orders\nORA-12154", "tiger"),
    "sqlplus with an option": ("+ sqlplus -S scott/%@//db:1521/orders @up.sql\nORA-12154", "hunter2"),
    "netrc over lines": ("machine api.example\n  login ada\n  password %\nmacdef init", "hunter2"),
    "netrc, default": ("default\nlogin ada\npassword %\nmacdef init", "hunter2"),
    "Dockerfile": ("Step 3/9 : ENV API_KEY %\n ---> Running", "hunter2"),
    "Dockerfile, argument": ("Step 3/9 : ARG NPM_TOKEN %\n ---> Running", "hunter2"),
    "Windows variable": ("C:\\> setx API_KEY %\nAccess is denied.", "hunter2"),
    "Windows variable of the machine": ("C:\\> setx /M API_KEY %\nAccess is denied.", "hunter2"),
    "Windows variable in quotes": ('C:\\> setx API_KEY "%" /M\nAccess is denied.', "hunter2"),
    "variable of csh": ("+ setenv API_KEY %\nexit 1", "hunter2"),
    "aws configure": ("+ aws configure set aws_secret_access_key %\nexit 255", "hunter2"),
    "npm config": ("npm ERR! npm config set //registry.example/:_authToken %", "hunter2"),
    "Redis configuration": ("*** FATAL CONFIG FILE ERROR ***\n>>> requirepass %\nBad directive", "hunter2"),
    "LDAP configuration": ("slapd.conf: line 9: rootpw %", "hunter2"),
    "LDIF": ("dn: uid=ada\nuserPassword:: %\nldap_add: 65", "aHVudGVyMg=="),
    "LDIF of the server": ("olcRootPW: %\nldap_modify: 50", "hunter2"),
    "option of keytool": ("keytool -genkey -storepass % -alias x", "hunter2"),
    "option of jarsigner": ("+ jarsigner -keypass '%' app.jar", "hunter2"),
    "option of openssl": ("openssl rsa -in k.pem -passin pass:%\nbad decrypt", "hunter2"),
    "option of openssl, out": ("openssl pkcs12 -export -passout pass:% -in k.pem", "hunter2"),
    "option of plink": ("+ plink -pw % ada@db\nAccess denied", "hunter2"),
    "option with one dash": ("+ influx -username ada -password % -host db", "hunter2"),
    "option of az": ("+ az login -u ada -p %\nAADSTS50126", "hunter2"),
    "option of az, principal": ("+ az login --service-principal -u app -p % --tenant x", "hunter2"),
    "option of twine": ("+ twine upload -u ada -p % dist/a.whl\n403", "hunter2"),
    "option of mongodump": ("+ mongodump -u ada -p % -d orders\nauth error", "hunter2"),
    "option of sqlcmd": ("+ /opt/mssql-tools/bin/sqlcmd -S db -U sa -P % -Q x", "hunter2"),
    "option of ldapsearch": ("+ ldapsearch -x -D cn=admin -w % -b dc=x\n49", "hunter2"),
    "option of zip": ("+ zip -P % out.zip a.txt", "hunter2"),
    "option of unzip": ("+ unzip -P '%' out.zip", "hunter2"),
    "option of ipmitool": ("+ ipmitool -I lanplus -H bmc -U ada -P % power on", "hunter2"),
    "option of curl, bearer": ("+ curl --oauth2-bearer % https://x\n401", "hunter2"),
    "option of curl, cookie": ("+ curl -s -b 'sid=%' https://x\n401", "hunter2"),
    "option of WinSCP": ("winscp.com /command open /password=% /log=x", "hunter2"),
    "option of cmdkey": ("cmdkey /add:x /user:ada /pass:%", "hunter2"),
    "rabbitmqctl": ("+ rabbitmqctl add_user ada %\nError: unable to connect", "hunter2"),
    "pipe to docker login": ("+ echo % | docker login -u ada --password-stdin", "hunter2"),
    "pipe to sudo": ('+ echo "%" | sudo -S apt update\nsudo: 1 incorrect', "hunter2"),
    "pipe to chpasswd": ("+ echo 'ada:%' | chpasswd\nexit 1", "hunter2"),
    "basic pair of requests": ("    get(url, auth=HTTPBasicAuth('ada', '%'))\nHTTPError: 401", "hunter2"),
    "basic pair of aiohttp": ('aiohttp.BasicAuth("ada", "%")', "hunter2"),
    "login of smtplib": ("    server.login('ada@x.example', '%')\nsmtplib.SMTPAuthenticationError: 535", "hunter2"),
    "credential of PowerShell": ('New-Object PSCredential("ada", "%")', "hunter2"),
    "secure string of PowerShell": ('ConvertTo-SecureString "%" -AsPlainText -Force', "hunter2"),
    "secret of pydantic": ("Settings(api_key=SecretStr('%'), port=80)", "hunter2"),
    "SMTP": ("send: 'AUTH PLAIN %\\r\\n'\nreply: b'535 5.7.8\\r\\n'", "AGFkYQBodW50ZXIy"),
    "FTP of curl": ("> USER ada\n< 331\n> PASS %\n< 530 Login incorrect", "hunter2"),
    "basic in prose": ("refused credentials Basic %", "YWRhOmh1bnRlcjI="),
    "npmrc, basic": ("//registry.example/:_auth=%\nnpm ERR! 403", "YWRhOmh1bnRlcjI="),
    "npmrc, spaced": ("_auth = %\nnpm ERR! 403", "YWRhOmh1bnRlcjI="),
    "npmrc, of another kind": ("npm ERR! //registry.example/:_auth = %", "s3cret"),
    "Docker configuration": ('{"auths": {"registry.example": {"auth": "%"}}}', "YWRhOmh1bnRlcjI="),
    "Kubernetes pull secret": ("data:\n  .dockerconfigjson: %\n", "eyJhdXRocyI6eyJ4Ijp7ImF1dGgiOiJZV1JoT20="),
    "Kubernetes TLS secret": ("data:\n  tls.key: %\n", "LS0tLS1CRUdJTiBS" + MIXED),
    "Redis of the environment": ("+ REDISCLI_AUTH=% redis-cli -h db ping", "hunter2"),
    "token in a query": ("GET /v1/items?auth=% 401", MIXED[:24]),
    "key in a query": ("GET https://maps.example/api?q=x&key=%&v=3 403", MIXED[:24]),
    "code in a query": ("GET /callback?state=x&code=% 400", MIXED[:24]),
    "short code in a query": ("GET /callback?code=% 400", "a1b2c3d4e5f6"),
    "code of Google in a query": ("GET /callback?code=%&scope=x 400", "4/0" + MIXED),
    "session of Java": ("GET /orders;JSESSIONID=% 500", HEX.upper()),
    "session of PHP": ("PHPSESSID=% not found in store", "r2t5uvjq435r4q7ib3vtdjq120"),
    "session of Django": ("{'csrf': 1, 'sessionid': '%'}", "38afes7a8asd7a8sd7"),
    "session of an application": ("ERROR session_id=% expired", "38afes7a8asd7a8sd7"),
    "session of ASP.NET": ("ASP.NET_SessionId=% expired", "3k2j1h4g5f6d7s8a9q0w1e2r"),
    "session of Express": ("connect.sid=% expired", "s%3A" + MIXED[:24]),
    "personal access token": ("+ GH_PAT=% ./release\n401", MIXED),
    "AppRole": ("vault write auth/approle/login role_id=x secret_id=%", "0a1b2c3d-aaaa-4bbb-8ccc-0a1b2c3d4e5f"),
    "unsealing Vault": ("Unseal Key 1: %\nUnseal Key", MIXED + "abc="),
    "mask of an action": ("::add-mask::%\nError: exit 1", "hunter 2"),
    "Teams hook": ("POST https://acme.webhook.office" + ".com/webhookb2/% 404", "0a1b2c3d-1@2/IncomingWebhook/3c/4d"),
    "Outlook hook": ("POST https://outlook.office" + ".com/webhook/% 404", "0a1b2c3d-1@2/IncomingWebhook/3c/4d"),
    "Zapier hook": ("POST https://hooks.zapier" + ".com/hooks/catch/% 404", "123456/abc1def"),
    "Terraform Cloud": ("401: x8T0zQ4mK2pWvL.atlas" + "v1.%", MIXED + MIXED),
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
ParseError: token=IDENT line=3
got token=RPAREN, want token LPAREN
test_reset_token: AssertionError
Processed session termination for sessionid: 0x14ed93111f20027
opening app wtoken = AppWindowToken{9f4ef63 token=Token{df0798e ActivityRecord{de9231d u0 t761}}}
Bad activity token: android.os.Token@1a2b3c4
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
assert token == "abc"
E   AssertionError: assert token == 'abc'
    assert user.password == "x"
    if token == "END_OF_FILE":
    if (token === "end") {
    assert response.token != "expired"
    assert token != previous_token_1
    if (apiKey !== apiKey2) {
    if password != confirm_password2:
    assert next.token == 'invalid token'
    while token != ')':
python-token==1.2.3
token == Punctuation
Found a duplicate token!
shortcut_key: F5
modifier_key = F12
POST /forgot-password: 404
forgot-password: 404
lost_password=true
password is wrong
password is 8 characters
password is 1024 characters at most
password is: required
the longest password is 128
the password is 8chars too short
the password is "too short"
password is "required"
The password is SHA-256 hashed
the password was argon2 hashed
the password is 2-factor protected
password was changed 3 days ago
the token is 'END'
the token is NAME2
token is 3600s old
your token was issued at 2026-01-01T00:00:00Z
the secret is base64 encoded
API key is v2
the API key is invalid since 2026-01-01
API key: 404
API key: v2.1
api key = ${API_KEY}
private key = id_ed25519
private key: RSA 2048
private key: rsa2048
Private key: /etc/ssl/private/a1.key
private key = server1.pem
access key: F5
secret key: 256-bit
private key is x25519
primary key: a1b2c3d4
foreign key = order_id2
IDENTIFIED BY "${DB_PASSWORD}"
the device is identified by id2
PASSWORD "unset" in the environment
SET PASSWORD FOR ada = ?
SET PASSWORD = %s
sqlplus /nolog
sqlplus / as sysdba
sqlplus: command not found
sqlplus scott/$DB_PASSWORD@orders
machine learning login page
machine h login u
login failed
password incorrect
ENV PATH /usr/local/bin
ENV API_KEY
ENV API_KEY ${API_KEY}
ENV API_KEY is empty
ENV PYTHONPATH /srv/app1
ARG NPM_TOKEN
ARG VERSION 1.2.3
- SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV "API_KEY") (line 3)
WARN: ARG "NPM_TOKEN" is not used
setx PATH C:\tools1
setx API_KEY %API_KEY%
setenv LANG en_US.UTF8
aws configure set region eu-west-1
aws configure set aws_secret_access_key $SECRET
npm config set registry https://registry.npmjs.org
requirepass is not set
requirepass "" in redis.conf
the masterauth option was ignored
bindpw not given
userPassword:: missing
type Token :: Text
std::token::stream
-storepass is required
keytool error: -keypass must have 6 characters
openssl rsa -in k1.pem -passin file:/run/secrets/p1
openssl rsa -in k1.pem -passin env:KEY_PASS
openssl rsa -in k1.pem -passin stdin
openssl req -key server1.key -out a1.csr
powershell -ep bypass -File a1.ps1
go test -run TestPass1 -pass
az group create -p x1
az login --use-device-code
az login -u ada -p $AZ_PASSWORD
mongo --port 27017 --host db1
mongodump -u ada -p --host db1
docker login && docker run -p 8080:80 app
twine upload dist/app-1.0.tar.gz
scp -P 2222 a.zip db1:/srv
unzip -q a1.zip; scp -P 2222 a1 db1:
zip -r out1.zip src && ssh -p 2222 db1
gzip -9 a1.txt
sqlcmd -S db1 -E -Q x
sqlcmd -S db1 -U sa -P $(cat p1)
ldapsearch -x -W -D cn=admin -b dc=x1
ldapsearch -x -D cn=admin -w "$LDAP_PW" -b dc=x1
curl -b cookies.txt https://x1
curl --oauth2-bearer "$TOKEN" https://x1
curl -sb -H Accept:text https://x1
GET /password=required
POST /pass: 404
cmdkey /list
rabbitmqctl add_user ada
rabbitmqctl list_users
echo hunter2 | wc -c
echo "$REGISTRY_PASSWORD" | docker login -u ada --password-stdin
echo ${PW} | sudo -S apt update
echo $env:TOKEN | docker login --password-stdin
docker login --password-stdin < p1
    auth=HTTPBasicAuth(user, password)
    auth=(user, password)
requests.auth.HTTPBasicAuth(username, token)
    server.login(user, password)
navigate.loginPage("a1", "b2")
SecretStr('**********')
api_key: SecretStr = Field(default=...)
ConvertTo-SecureString $plain -AsPlainText -Force
250-AUTH PLAIN LOGIN CRAM-MD5
AUTH PLAIN mechanism is not supported
smtplib.SMTPNotSupportedError: SMTP AUTH extension not supported by server.
PASS src/orders1.test.js
> PASS src/orders1.test.js (5.2 s)
Basic authentication is required
Basic AuthenticationEntryPoint
basic understanding of a2B
WWW-Authenticate: Basic realm="api1"
_auth = None
_auth=basic
"auth": "required"
auth: oauth2
auth = get_auth(request1)
auth=hmac-sha256-v2
"auth": {"username": "ada"}
requirepass_file=/run/secrets/redis1
.dockerconfigjson: missing
type: kubernetes.io/dockerconfigjson
--from-file=.dockerconfigjson=/home/ada/.docker/config1.json
tls.key: missing
open tls.key: no such file or directory
REDISCLI_AUTH is not set
GET /v1/items?auth=basic 401
GET /v1/items?key=name&code=404
GET /v1/items?key=uploads/2026/01/a1.png
GET /v1/items?key=orders-2026-01-01-part-1
GET /v1/items?code=E1234
GET /v1/items?code=ERR_CONNECTION_REFUSED_1
GET /v1/items?key=123e4567-e89b-12d3-a456-426614174000
GET /callback?code=missing_required_parameter
status_code=a1B2c3D4a1B2c3D4a1B2c3D4
JSESSIONID cookie not found
JSESSIONID=missing
PHPSESSID: none
sessionid: worker-1
session_id=42
session_id=worker-12-eu-west-1a
session_id=20260101T120000Z
'sessionid': None
ssh_session_id=orders_export_2026_01_01
pat = re.compile(r"\d+1")
pat: Pattern[str]
pat=orders-2026-*.csv
psk: enabled
key_mgmt=WPA-PSK
pw = getpass.getpass()
pw: Playwright
pw.chromium.launch()
    connect(pw=pw)
pw=12 ph=7
def run(pw: Playwright) -> None:
secret_id=prod/db1
secret_id: arn:aws:secretsmanager:eu-west-1:123456789012:secret:db1
secret_id_accessor=123e4567-e89b-12d3-a456-426614174000
Unseal Key Shares 5
::add-mask::***
::add-path::/srv/app1
https://acme.webhook.office.com/ 404
POST https://outlook.office.com/api/v2.0/me 404
hooks.zapier.com refused
key-value-store-of-the-orders-service1
key-0a1b2c3d
pul-request-1234567890-of-the-orders
figd_ is the prefix of a token
sgp_orders_of_the_region_singapore
AGE-SECRET-KEY-1 is how they begin
app.terraform.io: no atlasv1. token
fm2_of_the_radio_station_in_orders
ATATT is how they begin
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
        assert len(HARMLESS) >= 450
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
        "api key",
        "session_id",
        " is ",
        " != ",
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
        ":",
        ":a@",
        "sqlplus a/",
        "sqlplus -S ",
    ],
    "authorization": [
        "Authorization: ",
        "Authorization: Bearer ",
        "authorization=a",
        "Bearer a-",
        "('token', '",
        "Authorization '",
        *("Basic ", "Basic a1B", "a1Bc", "AUTH PLAIN ", "AUTH PLAIN a", "> PASS ", "> PASS a"),
    ],
    "cookie": [
        "Cookie: ",
        "Cookie: a=",
        'Cookie: a="',
        "cookies={",
        "<Cookie a=",
        "--cookie a",
        "curl -b a=",
        "curl -b ",
    ],
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
        *("a is ", "password is ", "password was '", "api key: ", "key: a1", "token != ", "token === '", "a ! ", "a? "),
        *("password:: a", "session_id=a1b", "session_id=a", "?key=a1a", "&code=", "_auth=1/", "auth ", "pw="),
        *(
            "IDENTIFIED BY ",
            "IDENTIFIED BY '",
            "IDENTIFIED BY a",
            "identified with a ",
            "set password for ",
            "''",
            '"\\',
        ),
        *("SET PASSWORD = ", "auth=('", "HTTPBasicAuth('a', ", ".login('a', '", "SecretStr('", "SecretStr("),
        *(
            "default\nlogin ",
            "machine a ",
            "machine a login b ",
            "machine a\n",
            "secret_id=",
            "secret_id ",
            "secret_id=0a1b2c3d-",
        ),
        *("Unseal Key 1: ", "::add-mask::", "requirepass ", "requirepass a", "ConvertTo-SecureString "),
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
        *("-", "-pw ", "-keypass a ", "-aaaaaaaaa", "ENV ", "ENV TOKEN ", "config set a:", "config set :", "setx a "),
        *(
            "-passin pass:",
            "-pass ",
            " /pass:",
            " /pass",
            "echo ",
            "echo -n ",
            "echo a|",
            "echo a | ",
            "echo a:",
            "echo 'a",
        ),
        *("rabbitmqctl add_user ", "rabbitmqctl add_user a '", "az login ", "az login -p ", "mongo", "mongo ", "zip "),
        *("zip -P ", "sqlcmd\\\n", "ldapsearch -w '", "ldap"),
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
    "other-services": [
        *("hvs.", "gsk_", "dapi", "key-", "key-0", "pul-0", "sgp_a", "sgp_a=", "AGE-SECRET-KEY-1", "AGE-SECRET-KEY-1-"),
        *(".atlasv1.", ".atlasv1", ".office.com/webhook/", "hooks.zapier.com/hooks/catch/", ".office"),
    ],
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
        assert "hunter2" not in failure_text(ConnectionError("redis://:hunter2@cache:6379/0"))

    def test_two_failures_that_differ_in_a_secret_are_one(self) -> None:
        first, second = (failure_text(f"login failed: password={secret}") for secret in ("hunter2", "swordfish"))
        assert parse_failure(first).fingerprint == parse_failure(second).fingerprint

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
