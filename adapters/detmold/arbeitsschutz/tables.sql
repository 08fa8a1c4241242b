-- Trade notices of the occupational safety authority, one row a field.
CREATE TABLE IF NOT EXISTS eingang (
  schluessel TEXT PRIMARY KEY,
  pruefsumme CHAR(64) NOT NULL,
  quittung CHAR(36) NOT NULL,
  zeitpunkt INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS gewerbeanzeige (
  schluessel TEXT PRIMARY KEY REFERENCES eingang,
  art TEXT NOT NULL CHECK (art IN ('anmeldung', 'ummeldung', 'abmeldung')),
  absender TEXT NOT NULL,
  aktenzeichen TEXT,
  UNIQUE (schluessel, art)
);
CREATE TABLE IF NOT EXISTS gewerbeanzeige_feld (
  schluessel TEXT NOT NULL,
  art TEXT NOT NULL,
  feld INTEGER NOT NULL,
  name TEXT NOT NULL,
  -- As in the message: text, or JSON where the field has parts.
  wert TEXT NOT NULL,
  PRIMARY KEY (schluessel, name),
  FOREIGN KEY (schluessel, art) REFERENCES gewerbeanzeige (schluessel, art),
  -- § 3 (1) Nr. 4 GewAnzV: what must not be sent cannot be stored.
  CHECK (NOT (art = 'anmeldung' AND feld IN (10, 12, 13, 27, 28, 29, 30, 31, 33))),
  CHECK (NOT (art = 'ummeldung' AND feld IN (10, 12, 13, 25, 26, 27, 28, 30))),
  CHECK (NOT (art = 'abmeldung' AND feld IN (10, 12, 13, 28, 30)))
);
CREATE VIEW IF NOT EXISTS v_betriebe AS
  SELECT a.schluessel, a.art, a.absender,
    MAX(CASE WHEN f.name = 'familienname' THEN f.wert END) AS familienname,
    MAX(CASE WHEN f.name = 'vornamen' THEN f.wert END) AS vornamen,
    MAX(CASE WHEN f.name = 'taetigkeit' THEN f.wert END) AS taetigkeit
  FROM gewerbeanzeige a JOIN gewerbeanzeige_feld f USING (schluessel)
  GROUP BY a.schluessel;
