-- user: users email = 'joe@example.org'
-- changes: password
-- then: password LIKE '{SHA512-CRYPT}$6$%'
-- accepted: rare@example.org
-- unknown: Mix@Example.org
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    extra,
    privileges TEXT NOT NULL DEFAULT ''
);
CREATE TABLE mfa (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL,
    type TEXT NOT NULL,
    secret TEXT NOT NULL,
    mru_token TEXT,
    label TEXT,
    FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);
INSERT INTO users (email, password, privileges) VALUES
    ('joe@example.org', '{SHA512-CRYPT}@CRYPT@', 'admin'),
    ('ann@example.org', '{SHA512-CRYPT}@CRYPT_ANN@', ''),
    ('rare@example.org', '@SSHA512@', ''),
    ('Mix@Example.org', '{SHA512-CRYPT}@CRYPT@', '');
INSERT INTO mfa (user_id, type, secret) VALUES (1, 'totp', 'SECRETSECRETSECRET');
