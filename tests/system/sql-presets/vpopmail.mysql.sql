-- user: vpopmail pw_name = 'joe' AND pw_domain = 'example.org'
-- changes: pw_passwd pw_clear_passwd
-- then: pw_passwd LIKE '$6$%' AND pw_clear_passwd = ''
-- accepted: Mix@Example.org mix@example.org nopop@example.org
-- refused: blocked@example.org nologin@example.org
CREATE TABLE vpopmail (
    pw_name VARCHAR(64) NOT NULL,
    pw_domain VARCHAR(96) NOT NULL,
    pw_passwd VARCHAR(128),
    pw_uid int,
    pw_gid int,
    pw_gecos VARCHAR(64),
    pw_dir VARCHAR(160),
    pw_shell VARCHAR(20),
    pw_clear_passwd VARCHAR(16),
    PRIMARY KEY (pw_name, pw_domain)
);
INSERT INTO vpopmail VALUES
    ('joe', 'example.org', '@CRYPT@', 0, 0, 'Joe', '/home/joe', 'NOQUOTA', 'first'),
    ('joe', 'other.example', '@CRYPT_ANN@', 0, 0, 'Joe', '/home/joe2', 'NOQUOTA', 'ann''s'),
    ('ann', 'example.org', '@CRYPT_ANN@', 0, 0, 'Ann', '/home/ann', 'NOQUOTA', 'ann''s'),
    ('Mix', 'Example.org', '@MD5CRYPT@', 0, 0, 'Mix', '/home/mix', 'NOQUOTA', 'first'),
    ('nopop', 'example.org', '@CRYPT@', 0, 2, 'No POP', '/home/nopop', 'NOQUOTA', 'first'),
    ('blocked', 'example.org', '@CRYPT@', 0, 1, 'No change', '/home/blocked', 'NOQUOTA', 'first'),
    ('nologin', 'example.org', '@CRYPT@', 0, 2062, 'No login', '/home/nologin', 'NOQUOTA', 'first');
