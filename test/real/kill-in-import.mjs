// Preloaded into kdr: kills it with SIGKILL when it is about to register its KDR_KILL_REGISTER-th version more.
import http from 'node:http'
import { syncBuiltinESMExports } from 'node:module'

const { request } = http
let left = Number(process.env.KDR_KILL_REGISTER)

http.request = (options, ...rest) => {
  if (options.method === 'POST' && /^\/subjects\/[^/]+\/versions$/.test(options.path)) {
    left -= 1
    if (left < 0) process.kill(process.pid, 'SIGKILL')
  }
  return request(options, ...rest)
}
syncBuiltinESMExports()
