-- The vehicle register's tables and the views it offers to others.
-- Dates are CHAR: a partial date (1998-03-00) is no date to a database.
CREATE TABLE IF NOT EXISTS halter (
  halter_nr INTEGER PRIMARY KEY,
  familienname TEXT NOT NULL,
  vornamen TEXT NOT NULL,
  geburtsname TEXT,
  geburtsdatum CHAR(10) NOT NULL,
  geschlecht CHAR(1),
  gemeindeschluessel CHAR(8) NOT NULL,
  plz CHAR(5) NOT NULL,
  ort TEXT NOT NULL,
  strasse TEXT,
  hausnummer TEXT,
  -- § 41 StVG
  uebermittlungssperre INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS fahrzeug (
  kennzeichen TEXT PRIMARY KEY,
  fin CHAR(17) NOT NULL,
  halter_nr INTEGER NOT NULL REFERENCES halter
);
CREATE TABLE IF NOT EXISTS eingang (
  schluessel TEXT PRIMARY KEY,
  pruefsumme CHAR(64) NOT NULL,
  quittung CHAR(36) NOT NULL,
  zeitpunkt INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS umzugsmitteilung (
  schluessel TEXT PRIMARY KEY REFERENCES eingang,
  familienname TEXT NOT NULL,
  vornamen TEXT NOT NULL,
  geburtsname TEXT,
  geburtsdatum CHAR(10) NOT NULL,
  geschlecht CHAR(1),
  gemeindeschluessel CHAR(8) NOT NULL,
  plz CHAR(5) NOT NULL,
  ort TEXT NOT NULL,
  strasse TEXT,
  hausnummer TEXT,
  einzugsdatum CHAR(10) NOT NULL,
  kennzeichenmitnahme INTEGER NOT NULL,
  zb1_vorgelegt INTEGER NOT NULL,
  einwilligung_am TEXT NOT NULL,
  ergebnis TEXT
);
CREATE TABLE IF NOT EXISTS umzugsmitteilung_kennzeichen (
  schluessel TEXT NOT NULL REFERENCES umzugsmitteilung,
  kennzeichen TEXT NOT NULL,
  PRIMARY KEY (schluessel, kennzeichen)
);
CREATE VIEW IF NOT EXISTS v_fahrzeug_halter AS
  SELECT f.kennzeichen, h.halter_nr, h.familienname, h.vornamen, h.geburtsdatum, h.gemeindeschluessel, h.plz, h.ort,
    h.strasse, h.hausnummer, h.uebermittlungssperre
  FROM fahrzeug f JOIN halter h USING (halter_nr);
-- The state of a notice as it may be told: with a lock under § 41 StVG it stays "angenommen".
CREATE VIEW IF NOT EXISTS v_mitteilung_zustand AS
  SELECT u.schluessel,
    CASE WHEN EXISTS (
      SELECT 1 FROM umzugsmitteilung_kennzeichen k JOIN v_fahrzeug_halter v USING (kennzeichen)
      WHERE k.schluessel = u.schluessel AND v.uebermittlungssperre <> 0
    ) THEN NULL ELSE u.ergebnis END AS ergebnis
  FROM umzugsmitteilung u;
