// What a lab can be asked for: the command line offers it, the lab brings it up.

export const LAB_VERSIONS = ['3.5', '3.9', '4'] as const
export type LabVersion = (typeof LAB_VERSIONS)[number]

/** Besides brokers and their quorum; Connect in Docker only. */
export const LAB_SERVICES = ['schema-registry', 'kafka-connect'] as const
export type LabService = (typeof LAB_SERVICES)[number]
