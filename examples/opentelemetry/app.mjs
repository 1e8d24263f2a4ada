// Prints the resource that Node's OpenTelemetry SDK makes for this process.
import { detectResources, envDetector } from "@opentelemetry/resources";

const { attributes } = detectResources({ detectors: [envDetector] });
for (const key of Object.keys(attributes).sort()) console.log(`${key} = ${attributes[key]}`);
