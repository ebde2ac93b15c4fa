# The image of dynatier: production dependencies and the built files on a slim Node.js LTS image.
#
#   docker build -t dynatier .
#
# As it stands it is a sidecar: it listens on loopback, which the containers of one Kubernetes pod (or of one
# `network_mode: "service:…"` in Compose) share, and nobody else. A published port (`docker run -p`) does NOT reach
# a loopback address inside the container. To listen to others, say so:
#
#   docker run -p 127.0.0.1:8100:8100 -e AWS_REGION=eu-central-1 dynatier serve --host 0.0.0.0 --insecure
#
# --insecure because callers are not authenticated: whoever reaches that port reads and writes with dynatier's AWS
# permissions, so keep the network around it closed. The admin port (metrics, health, invalidation) listens
# elsewhere only with a token: -e DYNATIER_ADMIN_HOST=0.0.0.0 -e DYNATIER_ADMIN_TOKEN=… (at least 16 characters).
#
# Credentials come from the AWS default chain: environment, web identity (IRSA), container and instance roles.

ARG NODE_IMAGE=node:26-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Without install scripts: they would fetch a second Node.js for development.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# The user "node" of the base image, by number, so that Kubernetes can see that it is not root.
USER 1000:1000
# 8100: DynamoDB endpoint. 8180: admin (metrics, health, status, invalidation).
EXPOSE 8100 8180
# Asks the admin port on loopback, where it also answers if it listens on every address. /livez needs no token.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.DYNATIER_ADMIN_PORT || 8180}/livez`).then((reply) => process.exit(reply.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["serve"]
