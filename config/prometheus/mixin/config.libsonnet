// What a monitoring mixin lets its users say; see mixin.libsonnet.
{
  _config+:: {
    // Which targets are netchecks, where a rule asks for `up` or for when one started.
    netcheckSelector: 'job="netcheck"',
    // Where the runbooks are; each alert's page is under it, as NAME.md.
    runbookUrl: 'https://github.com/netcheck/netcheck/blob/main/docs/runbooks',
    // Where Grafana is, such as https://grafana.example.com: each alert about a path then has a `dashboard_url`.
    grafanaUrl: '',
    // What your routes call the three severities.
    severities: {
      critical: 'critical',  // wakes somebody
      warning: 'warning',  // a ticket
      info: 'info',  // a reminder
    },
    dashboardTags: ['netcheck'],
  },
}
