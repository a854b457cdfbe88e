"""What is asked of Railway. Each is held against Railway's published schema in tests."""

SCOPE = "query Scope { projectToken { projectId environmentId } }"
SERVICE = """
query Service($serviceId: String!, $environmentId: String!) {
  serviceInstance(serviceId: $serviceId, environmentId: $environmentId) {
    serviceName source { image } healthcheckPath drainingSeconds
    domains { serviceDomains { domain } customDomains { domain } }
  }
}"""
LIST = """
query Deployments($input: DeploymentListInput!, $first: Int) {
  deployments(input: $input, first: $first) { edges { node { id status createdAt meta } } }
}"""
DEPLOYMENT = "query Deployment($id: String!) { deployment(id: $id) { id status createdAt meta } }"
STEPS = """
query Steps($id: String!, $first: Int) {
  deploymentEvents(id: $id, first: $first) { edges { node { step payload { error reason } } } }
}"""
LOGS = """
query Logs($id: String!, $limit: Int) {
  deploymentLogs(deploymentId: $id, limit: $limit) { timestamp message }
}"""
UPDATE = """
mutation Update($serviceId: String!, $environmentId: String!, $input: ServiceInstanceUpdateInput!) {
  serviceInstanceUpdate(serviceId: $serviceId, environmentId: $environmentId, input: $input)
}"""
DEPLOY = """
mutation Deploy($serviceId: String!, $environmentId: String!) {
  serviceInstanceDeployV2(serviceId: $serviceId, environmentId: $environmentId)
}"""
ROLLBACK = "mutation Rollback($id: String!) { deploymentRollback(id: $id) }"
CANCEL = "mutation Cancel($id: String!) { deploymentCancel(id: $id) }"
