/** The port for operators: who may come in, and the faces it has for them. Source: architecture, "Commands". */

import type { FastifyInstance } from 'fastify'
import type { ApiOptions } from './api.ts'
import { apiPlugin } from './api.ts'
import type { AdmissionOptions } from './operators.ts'
import { admission } from './operators.ts'

export type AdminOptions = ApiOptions & Omit<AdmissionOptions, 'log'>

export async function adminPlugin(app: FastifyInstance, options: AdminOptions): Promise<void> {
  app.addHook('onRequest', admission(options))
  await app.register(apiPlugin, options)
}
