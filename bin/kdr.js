#!/usr/bin/env node
// Starts kdr, or says in words an old Node understands which Node it needs: nothing here may use newer syntax,
// and nothing heavy may be loaded before `kdr --help` has answered.
var found = process.versions.node.split('.').map(Number)
var supported = found[0] >= 24 || (found[0] === 22 && found[1] >= 13) || (found[0] === 20 && found[1] >= 19)

function fail(words) {
  process.stderr.write('kdr: ' + words + '\n')
  process.exitCode = 2
}

if (!supported) {
  fail('needs Node 20.19 or newer of 20, 22.13 or newer of 22, or 24 and above; this is Node ' + process.versions.node + ' (' + process.execPath + ')')
} else {
  import('../dist/cli/main.js').then(
    function (main) {
      return main.start(process.argv)
    },
    function (error) {
      var unbuilt = error && error.code === 'ERR_MODULE_NOT_FOUND' && /dist.cli.main\.js'? imported from/.test(String(error.message))
      fail(unbuilt ? 'is not built yet: run npm ci && npm run build in ' + new URL('..', import.meta.url).pathname : String((error && error.stack) || error))
    },
  )
}
