/** nginx as a two-hop mutual TLS chain, one process a hop as the gateways are, where nginx is installed. */

import { spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Child } from './child.ts'
import { startChild } from './child.ts'
import { childrenOf } from './process-table.ts'

export interface NginxOptions {
  readonly directory: string
  readonly pki: string
  readonly consumer: string
  readonly provider: string
  readonly servicePort: number
}

export interface NginxChain {
  /** Of the consumer's side, plain HTTP. */
  readonly port: number
  readonly children: readonly Child[]
  /** Masters and workers. */
  pids(): number[]
}

export function hasNginx(): boolean {
  return spawnSync('nginx', ['-v'], { stdio: 'ignore' }).status === 0
}

export async function startNginx(options: NginxOptions): Promise<NginxChain> {
  const { pki, consumer, provider, servicePort } = options
  const [near, far] = [await freePort(), await freePort()]
  const children = [
    await startSide(options, 'provider', {
      port: far,
      listen: `listen 127.0.0.1:${far} ssl;
      ssl_certificate ${pki}/members/${provider}/gw1/peer-server.chain.pem;
      ssl_certificate_key ${pki}/members/${provider}/gw1/peer-server.key;
      ssl_client_certificate ${pki}/ca.pem;
      ssl_verify_client on;
      ssl_verify_depth 3;
      ssl_protocols TLSv1.3;`,
      upstream: `127.0.0.1:${servicePort}`,
      pass: 'proxy_pass http://next;',
    }),
    await startSide(options, 'consumer', {
      port: near,
      listen: `listen 127.0.0.1:${near};`,
      upstream: `127.0.0.1:${far}`,
      pass: `proxy_pass https://next;
        proxy_ssl_certificate ${pki}/members/${consumer}/gw1/peer-client.pem;
        proxy_ssl_certificate_key ${pki}/members/${consumer}/gw1/peer-client.key;
        proxy_ssl_trusted_certificate ${pki}/ca.pem;
        proxy_ssl_verify on;
        proxy_ssl_verify_depth 3;
        proxy_ssl_name localhost;
        proxy_ssl_protocols TLSv1.3;`,
    }),
  ]
  const pids = (): number[] =>
    children.flatMap(({ pid }) => childrenOf(pid).flatMap((master) => [master, ...childrenOf(master)]))
  return { port: near, children, pids }
}

interface Side {
  readonly port: number
  readonly listen: string
  readonly upstream: string
  readonly pass: string
}

async function startSide({ directory }: NginxOptions, name: string, side: Side): Promise<Child> {
  const home = join(directory, `nginx-${name}`)
  await mkdir(home, { recursive: true })
  const file = join(home, 'nginx.conf')
  await writeFile(file, configuration(home, side))
  // nginx does not mind its standard input, so a shell does: when the bench goes, nginx goes.
  const script = 'nginx -e stderr -p "$1" -c "$2" & cat >/dev/null; kill $!; wait'
  return startChild({
    name: `nginx-${name}`,
    command: 'sh',
    args: ['-c', script, 'sh', home, file],
    port: side.port,
  })
}

/** Access log off, connections kept for ever: what a request costs, and nothing else. */
function configuration(home: string, { listen, upstream, pass }: Side): string {
  return `daemon off;
worker_processes 1;
pid ${home}/nginx.pid;
error_log stderr warn;
events { worker_connections 512; }
http {
  access_log off;
  keepalive_requests 100000000;
  keepalive_timeout 600s;
  client_body_temp_path ${home}/body;
  proxy_temp_path ${home}/proxy;
  fastcgi_temp_path ${home}/fastcgi;
  uwsgi_temp_path ${home}/uwsgi;
  scgi_temp_path ${home}/scgi;
  upstream next {
    server ${upstream};
    keepalive 64;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
  }
  server {
    ${listen}
    location / {
      ${pass}
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
