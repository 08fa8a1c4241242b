/**
 * A schema with everything it refers to, as components of an OpenAPI 3.1 document that stands alone.
 *
 * Nobody outside resolves `urn:owl:…`, so every reference points to a component beside it. OpenAPI 3.1 §4.8.24: a Schema
 * Object is JSON Schema 2020-12. `discriminator` is left out: OpenAPI's asks that the branches be references, ours are
 * written in place.
 */

export interface Bundle {
  /** Of the schema itself among `schemas`. */
  readonly name: string
  /** Component name → schema. */
  readonly schemas: Readonly<Record<string, object>>
}

/**
 * @param urn of a document or of one of its definitions
 * @param find the schema by its URN
 * @throws {TypeError} what `find` throws for a reference that leads nowhere
 */
export function bundle(urn: string, find: (urn: string) => object): Bundle {
  const schemas: Record<string, object> = {}

  function add(urn: string): string {
    const name = componentName(urn)
    if (Object.hasOwn(schemas, name)) return name
    // Before its own references are followed, so that a circle ends.
    schemas[name] = {}
    schemas[name] = rewritten(find(urn), urn)
    return name
  }

  function rewritten(json: object, urn: string): object {
    const kept = Object.entries(json).filter(([keyword]) => !DROPPED.has(keyword))
    return Object.fromEntries(kept.map(([keyword, value]) => [keyword, ofKeyword(keyword, value, urn)]))
  }

  function ofKeyword(keyword: string, value: unknown, urn: string): unknown {
    if (keyword === '$ref') return `#/components/schemas/${add(absolute(String(value), urn))}`
    if (LITERAL.has(keyword) || typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map((item) => ofKeyword('', item, urn))
    if (!NAMED.has(keyword)) return rewritten(value, urn)
    return Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, ofKeyword('', schema, urn)]))
  }

  return { name: add(urn), schemas }
}

/** What identifies a document of its own, or fits only where it stood. */
const DROPPED: ReadonlySet<string> = new Set(['$schema', '$id', '$defs', 'discriminator'])
/** Values, not schemas. */
const LITERAL: ReadonlySet<string> = new Set(['const', 'enum', 'default', 'examples'])
/** From names, which may be spelled like keywords, to schemas. */
const NAMED: ReadonlySet<string> = new Set(['properties', 'patternProperties', 'dependentSchemas'])

/** RFC 3986 §5.2, as far as our documents use it: a fragment alone refers to the document it stands in. */
function absolute(reference: string, urn: string): string {
  return reference.startsWith('#') ? (urn.split('#')[0] ?? '') + (reference === '#' ? '' : reference) : reference
}

/** `urn:owl:gemeinsam:bausteine:1#/$defs/datum` → `gemeinsam.bausteine.1.datum` */
function componentName(urn: string): string {
  return urn.replace('urn:owl:', '').replace('#/$defs/', '.').replaceAll(':', '.')
}
