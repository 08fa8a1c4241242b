/** Reads the `options` of a service; a mistake there stops the gateway's start with the option's name. */

import type { AdapterOptions } from './adapter.ts'

/** @throws {TypeError} when it is missing or no text */
export function textOption(options: AdapterOptions, name: string): string {
  const value = options[name]
  if (typeof value === 'string' && value !== '') return value
  throw new TypeError(`Option ${name} is missing`)
}

/** @throws {TypeError} when it is no positive whole number */
export function numberOption(options: AdapterOptions, name: string, unless: number): number {
  const value = options[name] ?? unless
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value
  throw new TypeError(`Option ${name} is not a positive whole number`)
}

/** Origin of a local system. @throws {TypeError} when it is no http or https address */
export function originOption(options: AdapterOptions, name: string): string {
  const url = URL.parse(textOption(options, name))
  if (url !== null && ['http:', 'https:'].includes(url.protocol)) return url.origin
  throw new TypeError(`Option ${name} is not an http or https address`)
}
