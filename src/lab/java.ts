// Finds the Java and the Maven of this machine.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { KdrError } from '../errors.ts'

/** Kafka 4 brokers need 17. */
export const JAVA_NEEDED = 17

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const onPath = (program: string, first: readonly string[]): string | null => {
  const folders = [...first, ...(process.env.PATH ?? '').split(delimiter).filter((folder) => folder.startsWith('/'))]
  return folders.map((folder) => join(folder, program)).find(isProgram) ?? null
}

/** `17` of `openjdk version "17.0.15"`, `8` of `"1.8.0_392"`; null when it is something else. */
export const parseJavaVersion = (text: string): number | null => {
  const [, major, minor] = /version "(\d+)(?:\.(\d+))?/.exec(text) ?? []
  if (major === undefined) return null
  return major === '1' ? Number(minor ?? 0) : Number(major)
}

/** `$JAVA_HOME/bin/java`, else the one on the PATH; null when there is none that runs. */
export const findJava = async (): Promise<{ readonly path: string; readonly major: number } | null> => {
  const { JAVA_HOME } = process.env
  const path = onPath('java', JAVA_HOME ? [join(JAVA_HOME, 'bin')] : [])
  if (path === null) return null
  // macOS has a /usr/bin/java that only says there is no Java.
  const { execa } = await import('execa')
  const said = await execa(path, ['-version'], { reject: false })
  const major = said.failed ? null : parseJavaVersion(said.stderr + said.stdout)
  return major === null ? null : { path, major }
}

export const findMaven = (): string | null => onPath('mvn', [])

const INSTALL = 'Install one: apt-get install openjdk-17-jre-headless, brew install openjdk@17, or https://adoptium.net; then set JAVA_HOME'

/** Path of a Java that runs Kafka. Throws `java-missing`. */
export const needJava = async (): Promise<string> => {
  const java = await findJava()
  if (java === null) throw new KdrError(`a lab of processes needs Java ${JAVA_NEEDED} or newer, and there is none`, { code: 'java-missing', hint: INSTALL })
  if (java.major >= JAVA_NEEDED) return java.path
  throw new KdrError(`a lab of processes needs Java ${JAVA_NEEDED} or newer; ${java.path} is ${java.major}`, { code: 'java-missing', hint: INSTALL })
}

/** Throws `maven-missing`. */
export const needMaven = (): string => {
  const maven = findMaven()
  if (maven !== null) return maven
  throw new KdrError('Kafka is fetched by Maven, and there is no mvn on the PATH', {
    code: 'maven-missing',
    hint: 'Install it (apt-get install maven, brew install maven), or set KAFKA_HOME to an unpacked Kafka of the wanted version',
  })
}
