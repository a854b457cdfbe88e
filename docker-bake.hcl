# `docker buildx bake` builds what ships, `docker buildx bake test` what runs the unit tests.
# Each variable is set by an environment variable of its name.

variable "PYTHON_IMAGE" {
  default = "docker.io/library/python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285"
}

variable "COMMIT" {
  default = "unknown"
}

variable "CREATED" {
  default = "1970-01-01T00:00:00Z"
}

variable "VERSION" {
  default = "dev"
}

# A constant, not the commit's time: another time would give every layer another digest.
variable "SOURCE_DATE_EPOCH" {
  default = "1767225600"
}

# Makes an image that fails on purpose: docs/reference/app.md.
variable "APP_FAIL" {
  default = ""
}

group "default" {
  targets = ["app"]
}

target "app" {
  context = "."
  target  = "runtime"
  # The provenance that BuildKit adds by itself changes the digest; it is attested when the image is published.
  attest = ["type=provenance,disabled=true"]
  args = {
    PYTHON_IMAGE      = PYTHON_IMAGE
    COMMIT            = COMMIT
    CREATED           = CREATED
    VERSION           = VERSION
    SOURCE_DATE_EPOCH = SOURCE_DATE_EPOCH
    APP_FAIL          = APP_FAIL
  }
}

target "test" {
  inherits = ["app"]
  target   = "test"
}
